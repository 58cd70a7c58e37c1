import { unpackBlobs, type WholeBlob } from '../contract/blob-pack.ts';
import { actionOf, digestFromWire, digestToWire } from '../contract/digests.ts';
import type {
  CompileResponse,
  CompileSpec,
  Grant,
  RunRequest,
  Task,
  Welcome,
} from '../contract/generated/hybridgrid/v1/build.ts';
import { readSpec, unpackSpec } from '../contract/raw-spec.ts';
import { isTicketFor } from '../contract/ticket.ts';
import type { TaskOutcome } from './run-task.ts';
import { declined, onWire, type Reserved, type RunningTasks } from './running-tasks.ts';

/** Compiles that clients bring themselves, under tickets of one attachment. */
export interface DirectTasks {
  /** @param gone aborted when the client does not wait any more */
  run(request: RunRequest, gone: AbortSignal): Promise<CompileResponse | TicketRefused>;
  /** The coordinator gives the place to others: the ticket counts no more. */
  takeBack(taskId: string): void;
}

/** Nothing was done, and nothing will be under this ticket. */
export interface TicketRefused {
  readonly kind: 'refused';
  readonly why: string;
}

export interface DirectTasksOptions {
  readonly workerId: string;
  readonly tasks: RunningTasks;
  readonly welcome: Pick<Welcome, 'ticketKey' | 'unixMs'>;
  /** Milliseconds of a clock that does not go back. */
  readonly now: () => number;
  readonly run: (task: Task, given: readonly WholeBlob[], signal: AbortSignal) => Promise<TaskOutcome>;
  /** Says so to the coordinator. */
  readonly started: (taskId: string) => void;
  /** The same of one that never began. */
  readonly unused: (taskId: string) => void;
  readonly failed: (error: unknown) => void;
}

/** A compile keeps its slot while its client uploads what is lacking; so long, in milliseconds, and so many times. */
const UPLOAD_MS = 30_000;
const ROUNDS = 4;
/** A ticket that was taken back before it was seen is remembered for longer than any lasts. */
const REMEMBERED_MS = 600_000;

/** A compile whose client is to come again. */
interface Waiting {
  readonly slot: Reserved;
  readonly rounds: number;
  /** It waits no more. */
  resume(): void;
}

export function directTasks(options: DirectTasksOptions): DirectTasks {
  const { tasks, welcome, now } = options;
  const attachedMs = now();
  /** By the coordinator's clock, and a little behind it: the Welcome took a while. */
  const coordinatorMs = (): number => Number(welcome.unixMs) + now() - attachedMs;
  /** Tickets that were used, until they are no more valid anyway. */
  const spent = new Map<string, number>();
  const waiting = new Map<string, Waiting>();

  const spend = (taskId: string, untilMs: number): void => {
    for (const [old, until] of spent) if (until < coordinatorMs()) spent.delete(old);
    spent.set(taskId, untilMs);
  };

  /** Frees the slot after the client has its answer. */
  const endLater = (slot: Reserved, outcome: TaskOutcome): void => void setImmediate(() => slot.end(outcome));

  /** Keeps the slot for a client that is to come again. */
  const wait = (taskId: string, slot: Reserved, rounds: number): void => {
    const leave = (outcome: TaskOutcome): void => {
      resume();
      slot.end(outcome);
    };
    const onStop = (): void => leave(declined('client-gone', 'cancelled'));
    const patience = setTimeout(() => leave(declined('client-gone', 'it did not come again')), UPLOAD_MS);
    const resume = (): void => {
      waiting.delete(taskId);
      clearTimeout(patience);
      slot.signal.removeEventListener('abort', onStop);
    };
    waiting.set(taskId, { slot, rounds, resume });
    slot.signal.addEventListener('abort', onStop, { once: true });
    if (slot.signal.aborted) onStop();
  };

  /** The slot of a ticket: a new one, or the one it has already. */
  const admit = ({ taskId, expiresUnixMs }: Grant): Omit<Waiting, 'resume'> | TicketRefused | TaskOutcome => {
    const before = waiting.get(taskId);
    if (before !== undefined) {
      before.resume();
      return { slot: before.slot, rounds: before.rounds + 1 };
    }
    if (spent.has(taskId)) return refused('the ticket was used before');
    if (Number(expiresUnixMs) < coordinatorMs()) return refused('the ticket has expired');
    spend(taskId, Number(expiresUnixMs));
    const slot = tasks.reserve(taskId);
    if (slot.kind === 'declined') {
      options.unused(taskId);
      return slot;
    }
    options.started(taskId);
    return { slot, rounds: 0 };
  };

  const work = async (request: RunRequest, slot: Reserved, gone: AbortSignal): Promise<TaskOutcome> => {
    const spec = specOf(request);
    const given = request.packedBlobs.length === 0 ? [] : await unpackBlobs(request.packedBlobs);
    if (spec === undefined || given === undefined)
      return declined('not-acceptable', 'no spec, or not that of its action');
    const { timeoutMs, client } = request;
    const stop = (): void => slot.stop();
    gone.addEventListener('abort', stop, { once: true });
    if (gone.aborted) stop();
    const task = { taskId: request.grant?.taskId ?? '', spec, timeoutMs, client };
    const outcome = await options.run(task, given, slot.signal).catch((error: unknown) => {
      options.failed(error);
      return declined('internal', 'a fault of the worker');
    });
    gone.removeEventListener('abort', stop);
    return slot.signal.aborted ? declined('client-gone', 'cancelled') : outcome;
  };

  return {
    async run(request, gone) {
      const { grant } = request;
      if (grant === undefined || !isValid(request, grant, options)) return refused('the ticket is not for this');
      const admitted = admit(grant);
      if ('kind' in admitted) return admitted.kind === 'refused' ? admitted : answerOf(admitted);
      const { slot, rounds } = admitted;
      const outcome = await work(request, slot, gone);
      const isToBeBrought = outcome.kind === 'declined' && outcome.reason === 'no-blob' && outcome.missing.length > 0;
      if (!isToBeBrought || rounds >= ROUNDS) {
        endLater(slot, outcome);
        return answerOf(outcome);
      }
      wait(grant.taskId, slot, rounds);
      return { answer: { $case: 'missing', value: { digests: outcome.missing.map(digestToWire) } } };
    },
    takeBack(taskId) {
      if (spent.has(taskId)) return;
      spend(taskId, coordinatorMs() + REMEMBERED_MS);
      options.unused(taskId);
    },
  };
}

function refused(why: string): TicketRefused {
  return { kind: 'refused', why };
}

function answerOf(outcome: TaskOutcome): CompileResponse {
  return { answer: onWire(outcome) };
}

/** Whether the ticket was made for this compile, this client and this worker, in this attachment. */
function isValid(
  { action: bytes, client }: RunRequest,
  { taskId, workerId, expiresUnixMs, ticket }: Grant,
  options: DirectTasksOptions,
): boolean {
  const action = digestFromWire(bytes);
  if (action === undefined || workerId !== options.workerId) return false;
  const terms = { taskId, action, client, workerId, expiresMs: Number(expiresUnixMs) };
  return isTicketFor(options.welcome.ticketKey, terms, ticket);
}

/**
 * The spec, if it is what the action names. Computed here as the coordinator does for what goes through it: the result will
 * be kept under that name, and given to whoever compiles what it really names.
 */
function specOf({ packedSpec, action }: RunRequest): CompileSpec | undefined {
  const bytes = unpackSpec(packedSpec);
  const spec = bytes === undefined ? undefined : readSpec(bytes);
  return spec !== undefined && actionOf(spec) === digestFromWire(action) ? spec : undefined;
}
