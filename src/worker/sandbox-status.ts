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

/** What the helper says of a run. */
export type HelperStatus =
  | {
      readonly kind: 'ended';
      readonly exitCode: number;
      readonly stdout: Buffer;
      readonly stderr: Buffer;
      readonly outputs: readonly CopiedOutput[];
      readonly cpuMs: number;
      readonly wallMs: number;
    }
  | { readonly kind: 'killed'; readonly signal: number }
  | { readonly kind: 'limit'; readonly which: 'stdout' | 'stderr' }
  | { readonly kind: 'broken'; readonly what: string };

export interface HelperAnswer {
  readonly status: HelperStatus;
  /** It takes no more plans. */
  readonly isLast: boolean;
}

const ENDED = /^ended (exit|signal) (\d+) (\d+) (\d+)\n/;
const OUTPUT = /^output (present|absent|irregular|large|failed) (\d+)$/gm;
const DONE = /^done (\d+) (\d+)\n/m;

/** Reads an answer of `native/nsrun.c`, without its length. */
export function readAnswer(answer: Buffer, outputCount: number, outputDirectory: string): HelperAnswer {
  const text = answer.toString('latin1');
  const broken = /^broken (\d+) ([\s\S]*)$/.exec(text);
  if (broken !== null)
    return { isLast: true, status: { kind: 'broken', what: `${broken[2]?.trim()} (errno ${broken[1]})` } };
  const limit = /^limit (stdout|stderr)\n/.exec(text);
  if (limit !== null)
    return { isLast: text.endsWith('\nlast\n'), status: { kind: 'limit', which: limit[1] as 'stdout' | 'stderr' } };
  const [ended, done] = [ENDED.exec(text), DONE.exec(text)];
  const lines = text.slice(0, done?.index);
  const outputs = Array.from(lines.matchAll(OUTPUT), (match, i) => copied(match, `${outputDirectory}/${i}`));
  if (ended === null || done === null || outputs.length !== outputCount)
    return { isLast: true, status: { kind: 'broken', what: 'the helper makes no sense' } };
  const isLast = lines.endsWith('\nlast\n');
  const number = Number(ended[2]);
  if (ended[1] === 'signal') return { isLast, status: { kind: 'killed', signal: number } };
  const outAt = done.index + done[0].length;
  const errAt = outAt + Number(done[1]);
  const said = { stdout: answer.subarray(outAt, errAt), stderr: answer.subarray(errAt) };
  const times = { cpuMs: toMs(ended[3]), wallMs: toMs(ended[4]) };
  return { isLast, status: { kind: 'ended', exitCode: number, ...said, outputs, ...times } };
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
