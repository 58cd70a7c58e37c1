import type { Digest } from '../base/digest.ts';
import type { LocalBlobStore } from '../cas/blob-store.ts';
import type { Unwritable } from '../cas/unwritable.ts';
import type { Output } from '../compiler/invocation.ts';
import { LIST_IN_MEMORY } from './answers.ts';
import type { Description } from './describe.ts';

/** One output, copied into the cache's tmp directory when the compiler is done, while make still waits. */
export interface Capture {
  readonly output: Output;
  readonly from: string;
  readonly to: string;
}

/** How a miss is compiled: the options added, and what is to be learned from the run. */
export interface CompilePlan {
  readonly args: readonly string[];
  readonly captures: readonly Capture[];
  /**
   * The lists that `args` ask for, in their order. 'depfile': every file read, where the user's own does not tell it;
   * 'assembler': what the assembler read (.incbin, .include).
   */
  readonly lists: readonly ('depfile' | 'assembler')[];
  /** Were diagnostics coloured by an option of ours? */
  readonly coloured: boolean;
  /** Digest of the preprocessed text, if it was asked for before. */
  readonly pp?: Digest;
}

/** Terminal colours as the compiler itself would decide; we must, because its stderr is our pipe. */
export function wantsColour({ request, invocation }: Description): boolean {
  if (!request.stderrIsTerminal || invocation.colour !== 'auto') return false;
  const terminal = request.env.get('TERM') ?? '';
  if (terminal === '' || terminal === 'dumb') return false;
  return invocation.family === 'clang' || request.env.get('GCC_COLORS') !== '';
}

/** Takes fresh tmp paths until one is refused; the refusal then stands for all. */
interface TmpPaths {
  take(suffix: string): string;
  failure(): Unwritable | undefined;
}

function tmpPaths(blobs: LocalBlobStore): TmpPaths {
  let failed: Unwritable | undefined;
  return {
    take(suffix) {
      const path = blobs.newTmpPath(suffix);
      if (typeof path === 'string') return path;
      failed = path;
      return '';
    },
    failure: () => failed,
  };
}

export function planCompile(description: Description, blobs: LocalBlobStore): CompilePlan | Unwritable {
  const { invocation } = description;
  const tmp = tmpPaths(blobs);
  const args: string[] = [];
  const mayAdd = !recordsOptions(description) && argumentBytes(description) < ARGUMENT_ROOM;
  const lists: CompilePlan['lists'][number][] = [];
  if (mayAdd && invocation.preprocesses && invocation.depfile.kind === 'none') {
    lists.push('depfile');
    args.push('-MD', '-MF', LIST_IN_MEMORY);
  }
  if (mayAdd && asksAssembler(description)) {
    lists.push('assembler');
    args.push(`-Wa,--MD,${LIST_IN_MEMORY}`);
  }
  const coloured = mayAdd && wantsColour(description);
  if (coloured) args.push(invocation.family === 'gcc' ? '-fdiagnostics-color=always' : '-fcolor-diagnostics');
  const captures = invocation.outputs.map((output) => ({ output, from: output.path, to: tmp.take(output.role) }));
  return tmp.failure() ?? { args, captures, lists, coloured };
}

/**
 * gcc hands all its options to its parts in one variable (COLLECT_GCC_OPTIONS), and Linux takes no string above 128 KiB
 * (MAX_ARG_STRLEN): near that, options of ours would break what compiles without them.
 */
const ARGUMENT_ROOM = 120_000;

/** Each option is quoted and followed by a space there. A file of options counts with what it holds. */
function argumentBytes({ request, fields }: Description): number {
  const spelled = request.args.reduce((sum, arg) => sum + arg.length + 3, 0);
  const meant = fields.reduce((sum, { tag, value }) => (tag === 'option' ? sum + value.length + 3 : sum), 0);
  return Math.max(spelled, meant);
}

/** gcc's LTO objects hold the options of their compile, -MF among them (.gnu.lto_.opts; seen with gcc 12). */
function recordsOptions({ invocation }: Description): boolean {
  const { family, keyArgs, recordsCommandLine } = invocation;
  return recordsCommandLine || (family === 'gcc' && keyArgs.some((arg) => arg.startsWith('-flto')));
}

function asksAssembler({ invocation, toolchain }: Description): boolean {
  return invocation.externalAssembler && invocation.stage === 'object' && toolchain.gnuAssembler;
}
