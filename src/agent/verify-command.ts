import type { Invocation, Output } from '../compiler/invocation.ts';
import { parseCommandLine } from '../compiler/parse-command-line.ts';

/** A command that writes the same bytes into other files. */
export interface RedirectedCommand {
  readonly args: readonly string[];
  /** In the order of the invocation's, all of them in the directory that was asked for. */
  readonly outputs: readonly Output[];
}

/**
 * The same compile with its outputs in `directory` (absolute); undefined where an output's name is in the bytes (.dwo
 * references, coverage, recorded command lines), where the compiler draws names at random (LTO), or where the names of
 * the outputs do not stand in the arguments themselves. A depfile names its target as before, by an option of ours. What
 * comes out is held against the parser of all command lines: it has to mean the same but for the names.
 */
export function redirectOutputs(
  invocation: Invocation,
  args: readonly string[],
  directory: string,
): RedirectedCommand | undefined {
  const { depfile, output, recordsCommandLine, keyArgs, outputs } = invocation;
  if (recordsCommandLine || keyArgs.some((arg) => arg.startsWith('-flto'))) return undefined;
  if (args.some((arg) => arg.startsWith('@')) || outputs.some(({ role }) => NAMED_IN_BYTES.has(role))) return undefined;
  const wantsDepfile = depfile.kind === 'user';
  const isTargeted = args.some((arg) => /^-M[TQ]/.test(arg));
  // What the drivers themselves pass on where no target is given (gcc 12, clang 14).
  const named = wantsDepfile && !isTargeted ? ['-MQ', output, ...args] : args;
  const withOutput = renamed(named, '-o', output, `${directory}/${OUTPUT_STEM}.o`);
  const moved = wantsDepfile ? renamed(withOutput, '-MF', depfile.path, `${directory}/${OUTPUT_STEM}.d`) : withOutput;
  const before = parseAs(invocation, named);
  const after = parseAs(invocation, moved);
  if (before === undefined || after === undefined || !meansTheSame(before, after)) return undefined;
  if (!after.outputs.every(({ path }) => path.startsWith(`${directory}/`))) return undefined;
  return { args: moved, outputs: after.outputs };
}

const NAMED_IN_BYTES: ReadonlySet<Output['role']> = new Set(['dwo', 'gcno']);
const OUTPUT_STEM = 'out';

/** The arguments with the value of an option replaced, apart or joined; put before all others where it was not given. */
function renamed(args: readonly string[], option: string, from: string, to: string): readonly string[] {
  const apart = args.findIndex((arg, at) => arg === option && args[at + 1] === from);
  if (apart >= 0) return args.with(apart + 1, to);
  const joined = args.indexOf(`${option}${from}`);
  return joined >= 0 ? args.with(joined, `${option}${to}`) : [option, to, ...args];
}

function parseAs({ family, mode }: Invocation, args: readonly string[]): Invocation | undefined {
  const meaning = parseCommandLine({ family, mode, args });
  return meaning.kind === 'compile' ? meaning : undefined;
}

function meansTheSame(before: Invocation, after: Invocation): boolean {
  const essence = ({ keyArgs, source, stage, language, depfile, outputs }: Invocation): string =>
    JSON.stringify([
      keyArgs,
      source,
      stage,
      language,
      depfile.kind === 'user' && depfile.systemHeaders,
      outputs.map(({ role }) => role),
    ]);
  return essence(before) === essence(after);
}
