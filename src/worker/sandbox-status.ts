/** What the helper says of one output. */
export type CopiedOutput =
  /** Copied to `path`, a native string. */
  | { readonly kind: 'present'; readonly path: string; readonly size: number }
  | { readonly kind: 'absent' }
  /** A link, a directory, a device: nothing that a compile writes. */
  | { readonly kind: 'irregular' }
  | { readonly kind: 'large'; readonly size: number }
  /** It could not be copied: a full disk here. */
  | { readonly kind: 'failed' };

export type HelperStatus =
  | {
      readonly kind: 'ended';
      readonly exitCode: number;
      readonly outputs: readonly CopiedOutput[];
      readonly cpuMs: number;
      readonly wallMs: number;
    }
  | { readonly kind: 'killed'; readonly signal: number }
  | { readonly kind: 'broken'; readonly what: string }
  /** It was killed before it said how the program ended and that all was copied. */
  | { readonly kind: 'cut-short' };

const ENDED = /^ended (exit|signal) (\d+) (\d+) (\d+)$/m;
const OUTPUT = /^output (present|absent|irregular|large|failed) (\d+)$/gm;

/** Reads the lines at descriptor 4 of `native/nsrun.c`. */
export function readStatus(status: Buffer, outputCount: number, outputDirectory: string): HelperStatus {
  const text = status.toString('latin1');
  const broken = /^broken (\d+) ([\s\S]*)$/m.exec(text);
  if (broken !== null) return { kind: 'broken', what: `${broken[2]?.trim()} (errno ${broken[1]})` };
  const ended = ENDED.exec(text);
  const outputs = Array.from(text.matchAll(OUTPUT), (match, i) => copied(match, `${outputDirectory}/${i}`));
  if (ended === null || outputs.length !== outputCount || !text.endsWith('done\n')) return { kind: 'cut-short' };
  const number = Number(ended[2]);
  if (ended[1] === 'signal') return { kind: 'killed', signal: number };
  return { kind: 'ended', exitCode: number, outputs, cpuMs: toMs(ended[3]), wallMs: toMs(ended[4]) };
}

function copied([, kind, size]: RegExpMatchArray, path: string): CopiedOutput {
  switch (kind) {
    case 'present':
      return { kind, path, size: Number(size) };
    case 'large':
      return { kind, size: Number(size) };
    case 'absent':
    case 'irregular':
      return { kind };
    default:
      return { kind: 'failed' };
  }
}

function toMs(microseconds: string | undefined): number {
  return Math.round(Number(microseconds) / 1000);
}
