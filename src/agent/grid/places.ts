import { type ClientDuplexStream, type Metadata, status } from '@grpc/grpc-js';
import { batches } from '../../contract/batches.ts';
import type {
  BuildServiceClient,
  Grant,
  GrantMessage,
  PlaceAnswer,
  PlaceAsk,
  PlaceMessage,
} from '../../contract/generated/hybridgrid/v1/build.ts';

/** Places on workers, asked of the coordinator: one stream for all compiles, and one message for what is asked together. */
export interface Places {
  /** Rejects where the coordinator cannot be asked, and where `signal` aborts before there is an answer. */
  ask(question: Omit<PlaceAsk, 'ask'>, signal: AbortSignal): Promise<Place>;
  /** What is under way is not waited for, and the next question takes a new stream. */
  reset(): void;
}

/** An answer; what was granted is to be ended one way or the other. */
export interface Place {
  readonly found: NonNullable<PlaceAnswer['answer']>;
  /** A compile that is late where it is may be granted a place elsewhere as well. */
  onMore(listener: (grant: Grant) => void): void;
  /** It is not used, or what it was used for is not waited for any more. */
  giveBack(): void;
  /** It was used to the end. */
  done(): void;
}

export interface PlacesOptions {
  readonly service: Pick<BuildServiceClient, 'places'>;
  readonly metadata: Metadata;
  readonly client: string;
  /** The coordinator said something. */
  readonly heard: () => void;
  /** In milliseconds. */
  readonly now: () => number;
}

/** An older coordinator is asked so much later again: it may have been replaced. In milliseconds. */
const ABSENT_MS = 60_000;
/** So long nothing is asked before the stream is given up, in milliseconds: an idle agent holds no connection busy. */
const IDLE_MS = 30_000;

interface Waiter {
  resolve(found: Place['found']): void;
  reject(error: unknown): void;
}

interface Line {
  readonly stream: ClientDuplexStream<PlaceMessage, GrantMessage>;
  readonly say: (item: PlaceAsk | number) => void;
  readonly waiting: Map<number, Waiter>;
  /** Asks that were not ended yet, with who wants to hear of further grants. */
  readonly open: Map<number, ((grant: Grant) => void) | undefined>;
  idle: NodeJS.Timeout | undefined;
}

const nothing = (): void => {};
const RELAYED: Place = {
  found: { $case: 'relayed', value: true },
  onMore: nothing,
  giveBack: nothing,
  done: nothing,
};

export function places({ service, metadata, client, heard, now }: PlacesOptions): Places {
  let line: Line | undefined;
  let asks = 0;
  let absentUntil = Number.NEGATIVE_INFINITY;

  const lose = (lost: Line, error: unknown): void => {
    if (line === lost) line = undefined;
    clearTimeout(lost.idle);
    const isOld = (error as { code?: status }).code === status.UNIMPLEMENTED;
    if (isOld) absentUntil = now() + ABSENT_MS;
    for (const { resolve, reject } of [...lost.waiting.values()]) {
      if (isOld) resolve(RELAYED.found);
      else reject(error);
    }
    lost.waiting.clear();
  };

  const connect = (): Line => {
    const stream = service.places(metadata);
    const send = (items: (PlaceAsk | number)[]): void => {
      if (line !== made) return;
      const withdrawn = items.filter((item) => typeof item === 'number');
      stream.write({ client, asks: items.filter((item) => typeof item !== 'number'), withdrawn });
    };
    const made: Line = { stream, say: batches(send), waiting: new Map(), open: new Map(), idle: undefined };
    stream.on('data', ({ answers }: GrantMessage) => {
      heard();
      for (const { ask, answer } of answers) {
        const waiter = made.waiting.get(ask);
        if (answer !== undefined && waiter !== undefined) waiter.resolve(answer);
        else if (answer?.$case === 'grant') made.open.get(ask)?.(answer.value);
      }
    });
    stream.on('error', (error) => lose(made, error));
    stream.on('end', () => lose(made, new Error('the coordinator ended the stream')));
    return made;
  };

  const end = (on: Line, ask: number): void => {
    on.open.delete(ask);
    if (on.open.size > 0 || line !== on) return;
    clearTimeout(on.idle);
    on.idle = setTimeout(() => {
      if (line === on) line = undefined;
      on.stream.end();
    }, IDLE_MS);
    on.idle.unref();
  };

  return {
    async ask(question, signal) {
      if (now() < absentUntil) return RELAYED;
      line ??= connect();
      const on = line;
      clearTimeout(on.idle);
      asks += 1;
      const ask = asks;
      on.open.set(ask, undefined);
      const giveBack = (): void => {
        if (on.open.has(ask)) on.say(ask);
        end(on, ask);
      };
      try {
        const found = await answered(on, { ...question, ask }, signal);
        if (found.$case !== 'grant') end(on, ask);
        const onMore = (listener: (grant: Grant) => void): void => {
          if (on.open.has(ask)) on.open.set(ask, listener);
        };
        return { found, onMore, giveBack, done: () => end(on, ask) };
      } catch (error) {
        giveBack();
        throw error;
      }
    },
    reset() {
      const lost = line;
      if (lost === undefined) return;
      lose(lost, new Error('the stream is given up'));
      lost.stream.cancel();
    },
  };
}

function answered(on: Line, ask: PlaceAsk, signal: AbortSignal): Promise<Place['found']> {
  return new Promise((resolve, reject) => {
    const leave = (act: () => void): void => {
      on.waiting.delete(ask.ask);
      signal.removeEventListener('abort', onAbort);
      act();
    };
    const onAbort = (): void => leave(() => reject(new Error('not waited for')));
    on.waiting.set(ask.ask, {
      resolve: (found) => leave(() => resolve(found)),
      reject: (error) => leave(() => reject(error)),
    });
    on.say(ask);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}
