import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { forDisplay, fromNative, fsPath } from '../base/byte-string.ts';
import type { Digest } from '../base/digest.ts';
import { isSameResult, quarantine } from '../cache/quarantine.ts';
import type { OutputFile } from '../contract/generated/hybridgrid/v1/build.ts';
import { type DescribeServices, type Description, describeCompile } from './describe.ts';
import { isFileCheck } from './encoded-checks.ts';
import { takeSight } from './file-snapshot.ts';
import type { Grids } from './grid/grids.ts';
import { manifestsFor } from './hits.ts';
import { findProof } from './lookup.ts';
import type { PreparedAnswer, PreparedAnswers } from './prepared-answers.ts';
import { keysOf } from './relocation.ts';
import { verifyChoice } from './verify-choice.ts';
import { redirectOutputs } from './verify-command.ts';
import { compareWithPlain, type Mismatch, sameRuns } from './verify-compare.ts';
import { verifyQueue } from './verify-queue.ts';
import { compilePlainly } from './verify-run.ts';
import type { CompileRequest } from './wire.ts';

/** A share of what was delivered is compiled again by the plain compiler, when nobody wants anything of this machine. */
export interface Verifications {
  /** Something was delivered; costs nothing where it is not chosen. */
  delivered(answer: PreparedAnswer, request: () => CompileRequest): void;
  /** A launcher waits for an answer until the function given back is called. */
  asked(): () => void;
  /** A launcher wants something. */
  disturb(): void;
  /** Ends what runs. */
  stop(): void;
  /** Deliveries that are chosen and not yet compared. */
  readonly length: number;
}

export interface VerifyServices extends DescribeServices {
  readonly prepared: PreparedAnswers;
  readonly churning: ReadonlySet<string>;
  readonly grids: Grids;
  readonly wrongResults: WrongResults;
  /** Compiles or results are under way here. */
  readonly isBusy: () => boolean;
  /** Decides with the rest which deliveries are chosen. */
  readonly seed: string;
  readonly now: () => number;
  readonly log: (message: string, details: object) => void;
  readonly warn: (message: string, details: object) => void;
}

/** Results of the grid that the plain compiler did not make: they are not taken again, whoever answers with them. */
export interface WrongResults {
  add(action: Digest, output: Digest): void;
  has(action: Digest, outputs: readonly OutputFile[]): boolean;
}

export function wrongResults(): WrongResults {
  const known = new Set<string>();
  return {
    add: (action, output) => void known.add(`${action} ${output}`),
    has: (action, outputs) =>
      known.size > 0 && outputs.some(({ digest }) => known.has(`${action} ${digest.toString('hex')}`)),
  };
}

interface Sample {
  readonly request: CompileRequest;
  readonly answer: PreparedAnswer;
}

/** `quietMs`: how long nothing must have happened here before one is compiled. */
export function verifications(services: VerifyServices, quietMs?: number): Verifications {
  const choice = verifyChoice(services.seed);
  let asking = 0;
  const queue = verifyQueue<Sample>(
    {
      isBusy: () => asking > 0 || services.isBusy(),
      check: (sample, signal) => verify(sample, signal, services),
      dropped: (sample) => skip(sample, 'too many wait', services),
      failed: (error) => services.warn('a delivery could not be compared', { error: String(error) }),
    },
    quietMs,
  );
  return {
    delivered(answer, request) {
      if (choice.chooses(answer.key, answer.verify)) queue.add({ request: request(), answer });
    },
    asked() {
      asking += 1;
      queue.disturb();
      return () => {
        asking -= 1;
      };
    },
    disturb: queue.disturb,
    stop: queue.stop,
    get length() {
      return queue.length;
    },
  };
}

function skip({ answer, request }: Sample, why: string, { log }: VerifyServices): void {
  answer.cache.statistics.count('verifySkipped');
  log('a delivery was not compared', { cwd: request.cwd, key: answer.key, why });
}

/** Compiles one delivery again and compares. Nothing is counted of one that was aborted: it comes again. */
async function verify(sample: Sample, signal: AbortSignal, services: VerifyServices): Promise<void> {
  const { statistics } = sample.answer.cache;
  const outcome = await compileAndCompare(sample, signal, services);
  if (signal.aborted) return;
  if (outcome.kind === 'skipped') return skip(sample, outcome.why, services);
  statistics.count('verified');
  if (outcome.mismatches.length === 0) return;
  statistics.count('verifyMismatches');
  await raiseAlarm(sample, outcome.description, outcome.mismatches, services);
}

type Outcome =
  | { readonly kind: 'skipped'; readonly why: string }
  | { readonly kind: 'compared'; readonly description: Description; readonly mismatches: readonly Mismatch[] };

const skipped = (why: string): Outcome => ({ kind: 'skipped', why });

/**
 * The result has to be proved before and after, by the same files: otherwise the compiler may have seen something else.
 * What differs is compiled once more. Two runs that differ from each other say that this machine or this compiler does
 * not repeat itself, and nothing of the result.
 */
async function compileAndCompare(sample: Sample, signal: AbortSignal, services: VerifyServices): Promise<Outcome> {
  const { answer, request } = sample;
  const before = await prove(sample, services);
  if (before === undefined) return skipped('its inputs have changed');
  const { description } = before;
  const directory = fromNative(mkdtempSync(`${tmpdir()}/hg-verify-`));
  try {
    const command = redirectOutputs(description.invocation, request.args, directory);
    if (command === undefined) return skipped('the names of its outputs reach the bytes');
    const roles = description.invocation.outputs.map(({ role }) => role);
    const run = await compilePlainly(request, command, directory, signal);
    if (run === undefined) return skipped('the compiler did not run to its end');
    const mismatches = await compareWithPlain(answer.delivered, roles, run, answer.cache.blobs);
    if (mismatches === undefined) return skipped('there is nothing to compare');
    if (mismatches.length > 0) {
      for (const { path } of command.outputs) rmSync(fsPath(path), { force: true });
      const again = await compilePlainly(request, command, directory, signal);
      if (again === undefined || !sameRuns(run, again)) return skipped('the compiler does not repeat itself');
    }
    const after = await prove(sample, services);
    if (after?.files !== before.files) return skipped('its inputs have changed');
    return { kind: 'compared', description, mismatches };
  } finally {
    rmSync(fsPath(directory), { recursive: true, force: true });
  }
}

/** The proof that the delivered result holds now, with the stamps of all its files as one text. */
async function prove(
  { answer, request }: Sample,
  services: VerifyServices,
): Promise<{ readonly description: Description; readonly files: string } | undefined> {
  const description = await describeCompile(request, services);
  if (description.kind !== 'compile' || description.key !== answer.key) return undefined;
  const now = { ...takeSight(services.files), churning: services.churning };
  for (const manifest of manifestsFor(description, answer.cache)) {
    const proof = findProof(manifest, description, now);
    if (proof === undefined || !isSameResult(proof.entry, answer.delivered)) continue;
    return { description, files: proof.checks.filter(isFileCheck).join('') };
  }
  return undefined;
}

/** The result leaves the cache, everybody concerned is told, and nothing is answered with it again. */
async function raiseAlarm(
  { answer, request }: Sample,
  description: Description,
  mismatches: readonly Mismatch[],
  services: VerifyServices,
): Promise<void> {
  const { cache, delivered, madeBy, key } = answer;
  const report = {
    source: forDisplay(description.invocation.source),
    cwd: forDisplay(request.cwd),
    compiler: forDisplay(request.compiler),
    version: forDisplay(description.toolchain.version),
    toolchain: description.toolchain.digest,
    options: request.args.map(forDisplay),
    from: answer.from,
    storedAt: new Date(delivered.storedAt).toISOString(),
    ...(madeBy === undefined ? {} : { madeBy }),
    key,
    mismatches,
  };
  const wrong = delivered.outputs
    .filter(({ role }) => mismatches.some(({ output }) => output === role || output === 'exit code'))
    .map(({ ref }) => ref.digest);
  const at = new Date(services.now()).toISOString().replaceAll(/[:.]/g, '-');
  const name = `${at}-${key.slice(0, KEY_SHOWN)}`;
  const kept = await quarantine(cache, { keys: keysOf(description), result: delivered, wrong, report, name });
  services.prepared.dropAll(key);
  const quarantined = typeof kept === 'string' ? forDisplay(kept) : `not kept: ${kept.code}`;
  services.warn('WRONG RESULT: the plain compiler makes another one', { ...report, quarantined });
  if (madeBy === undefined) return;
  for (const digest of wrong) services.wrongResults.add(madeBy.action, digest);
  const grid = await services.grids.coordinatorOf({ settings: description.settings, env: request.env });
  const [first] = mismatches;
  if (grid !== undefined && first !== undefined) await grid.reportMismatch({ ...madeBy, ...first });
}

const KEY_SHOWN = 12;
