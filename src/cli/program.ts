import { Command, CommanderError, Option } from 'commander';
import { type Action, addCommands } from './command-tree.ts';
import { EXIT } from './exit-codes.ts';
import { GLOBAL_FLAGS } from './global-flags.ts';
import { useColour, writeError, writeOut } from './output.ts';
import type { Context } from './settings-context.ts';

/** A command's work: the exit code comes back through `Outcome`, because commander knows only success. */
interface Outcome {
  code: number;
}

/** Every command that is not on the way of a build: help, errors and sub-commands by commander. */
export async function runProgram(context: Context): Promise<number> {
  const { line } = context;
  if (line.version) {
    return (await import('./commands/version.ts')).version(line.json);
  }
  const outcome: Outcome = { code: EXIT.ok };
  const program = buildProgram(context, outcome);
  const words = line.word === undefined ? [] : [line.word, ...line.rest];
  if (line.word === undefined && !line.help) {
    writeError(program.helpInformation({ error: true }));
    return EXIT.usage;
  }
  try {
    await program.parseAsync(line.help ? ['help', ...words.slice(0, 1)] : words, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
  return outcome.code;
}

export function buildProgram(context: Context, outcome: Outcome): Command {
  const program = new Command('hgbuild');
  const finish =
    (action: Action) =>
    async (...parameters: unknown[]): Promise<void> => {
      outcome.code = await action(...(parameters as never[]));
    };
  program
    .description('A compiler cache for C and C++ that proves its hits.')
    .usage('[flags] COMMAND [arguments]')
    .helpOption('-h, --help', 'show this help')
    .enablePositionalOptions()
    .helpCommand('help [command]', 'show the help of a command')
    .exitOverride()
    .configureOutput({
      writeOut,
      writeErr: writeError,
      outputError: (text, write) => write(rephrased(text)),
      getOutHelpWidth: () => 100,
      getErrHelpWidth: () => 100,
      getOutHasColors: () => useColour(context.env),
      getErrHasColors: () => useColour(context.env, 2),
    });
  for (const { long, short, takes, effect } of GLOBAL_FLAGS) {
    if (long === '--help') continue;
    const value = takes === undefined ? '' : ` ${takes}`;
    // Parsed before commander sees the line: here for the help alone.
    program.addOption(new Option(`${short === undefined ? '' : `${short}, `}${long}${value}`, effect));
  }
  addCommands(program, context, finish);
  for (const command of allCommands(program)) command.exitOverride().copyInheritedSettings(program);
  return program;
}

function allCommands(command: Command): readonly Command[] {
  return command.commands.flatMap((child) => [child, ...allCommands(child)]);
}

/** Commander's `error: unknown option '--jsn'\n(Did you mean --json?)` in our words and on one line. */
function rephrased(text: string): string {
  const flag = /unknown option '([^'=]+)/.exec(text)?.[1];
  const oneLine = text
    .trim()
    .replace(/^error: /, '')
    .replace(/unknown option '([^']+)'/, 'unknown flag $1')
    .replace(/unknown command '([^']+)'/, 'unknown command $1')
    .replace(/\s*\n\(Did you mean (.*)\?\)/s, '; did you mean $1?');
  const global = GLOBAL_FLAGS.some(({ long, short }) => flag !== undefined && (flag === long || flag === short));
  const remedy = global
    ? `; it stands before the command: hgbuild ${flag} ...`
    : /did you mean/.test(oneLine)
      ? ''
      : '; see `hgbuild --help`';
  return `hgbuild: ${oneLine}${remedy}\n`;
}
