import type { Digest } from '../../base/digest.ts';
import { packBlobs, type WholeBlob } from '../../contract/blob-pack.ts';
import type { Grant, RunRequest } from '../../contract/generated/hybridgrid/v1/build.ts';
import { packSpec } from '../../contract/raw-spec.ts';
import { eitherSignal } from './either-signal.ts';
import type { GridAnswer, GridAsked, Shipment } from './grid.ts';
import { readSmall } from './inline-blobs.ts';
import type { Place, Places } from './places.ts';
import type { WorkerLines } from './worker-lines.ts';

/**
 * Compiles that go straight to a worker. The coordinator is asked for a place, and sees neither the description nor what
 * the client waits for.
 */
export interface DirectPath {
  /** Undefined: the coordinator is to see to it. Rejects where the coordinator cannot be asked. */
  compile(shipment: Shipment, asked: GridAsked): Promise<GridAnswer | undefined>;
}

export interface DirectPathOptions {
  readonly places: Places;
  readonly lines: WorkerLines;
  readonly client: string;
  /** In milliseconds. */
  readonly timeoutMs: number;
  /** Whether the grid has a blob, for all we know. */
  readonly isKnown: (digest: Digest) => boolean;
  /** The grid has these. */
  readonly noteKnown: (digests: readonly Digest[]) => void;
  /** Counts a question, for `bring`. */
  readonly question: () => number;
  /** Brings blobs to the coordinator that the grid lacked when that question was asked. */
  readonly bring: (shipment: Shipment, digests: readonly Buffer[], question: number) => Promise<boolean>;
  /** A worker could not be reached. */
  readonly lost: (address: string, why: string) => void;
}

/**
 * With more inputs that the grid may lack the whole description goes to the coordinator, which finds out what is lacking: a
 * slot should not wait for hundreds of headers.
 */
const MOST_DOUBTS = 64;
/** Blobs may be evicted between question and answer: not asked for ever. */
const ROUNDS = 4;
/** What would be the same on any worker. */
const FINAL: ReadonlySet<string> = new Set(['timeout', 'limit']);

export function directPath(options: DirectPathOptions): DirectPath {
  return {
    async compile(shipment, asked) {
      const source = options.isKnown(shipment.own) ? undefined : readSmall(shipment.own, shipment.files);
      const doubts = doubtsOf(shipment, source, options);
      for (let round = 0; round < ROUNDS && doubts.length <= MOST_DOUBTS; round += 1) {
        const question = options.question();
        const inDoubt = round === 0 ? doubts.map((digest) => Buffer.from(digest, 'hex')) : [];
        const place = await options.places.ask(askOf(shipment, asked, inDoubt, options.timeoutMs), asked.signal);
        const { found } = place;
        if (found.$case === 'result') return { kind: 'result', result: found.value };
        if (found.$case === 'declined') return { kind: 'declined', ...found.value };
        if (found.$case === 'relayed') return undefined;
        options.noteKnown(doubts);
        if (found.$case === 'grant') return runThere(place, found.value, shipment, source, asked, options);
        if (!(await options.bring(shipment, found.value.digests, question))) return undefined;
      }
      return undefined;
    },
  };
}

/** Inputs that the grid may lack and that do not go to the worker with the compile. */
function doubtsOf({ inputs }: Shipment, source: WholeBlob | undefined, { isKnown }: DirectPathOptions): Digest[] {
  return [...new Set(inputs.filter((digest) => !isKnown(digest) && digest !== source?.digest))];
}

function askOf({ action, demand }: Shipment, { ignoreStored }: GridAsked, inDoubt: Buffer[], timeoutMs: number) {
  const { arch, name } = demand;
  const toolchain = Buffer.from(demand.toolchain, 'hex');
  return { action: Buffer.from(action, 'hex'), arch, toolchain, name, ignoreStored, inDoubt, timeoutMs };
}

/**
 * Brings the compile to the worker, and to a second one where it is late; the first result counts. What does not work there
 * the coordinator sees to.
 */
async function runThere(
  place: Place,
  first: Grant,
  shipment: Shipment,
  source: WholeBlob | undefined,
  { signal }: GridAsked,
  options: DirectPathOptions,
): Promise<GridAnswer | undefined> {
  const packedBlobs = source === undefined ? Buffer.alloc(0) : await packBlobs([source]);
  const action = Buffer.from(shipment.action, 'hex');
  const { client, timeoutMs } = options;
  const request = { action, client, packedSpec: packSpec(shipment.spec), packedBlobs, timeoutMs };
  const either = eitherSignal(signal);
  const answer = await new Promise<GridAnswer | undefined>((resolve) => {
    let running = 0;
    const begin = (grant: Grant): void => {
      running += 1;
      void runAt(grant, { ...request, grant }, shipment, either.signal, options).then((found) => {
        running -= 1;
        if (found !== undefined || running === 0) resolve(found);
      });
    };
    place.onMore(begin);
    begin(first);
  });
  either.release();
  either.abort('over');
  if (answer === undefined) place.giveBack();
  else place.done();
  return answer;
}

/** The answer of one worker; undefined where it has none that counts. */
async function runAt(
  { address, workerId }: Grant,
  request: RunRequest,
  shipment: Shipment,
  signal: AbortSignal,
  { lines, question, bring, lost }: DirectPathOptions,
): Promise<GridAnswer | undefined> {
  for (let round = 0; round < ROUNDS && !signal.aborted && lines.isGood(address); round += 1) {
    const asked = question();
    const ran = await lines.run(address, request, signal);
    if (ran.kind === 'unreachable') lost(address, ran.why);
    if (ran.kind !== 'answered') return undefined;
    const { answer } = ran;
    if (answer?.$case === 'result') return { kind: 'result', result: { ...answer.value, workerId }, isDirect: true };
    if (answer?.$case === 'declined' && FINAL.has(answer.value.reason)) return { kind: 'declined', ...answer.value };
    if (answer?.$case !== 'missing' || !(await bring(shipment, answer.value.digests, asked))) return undefined;
  }
  return undefined;
}
