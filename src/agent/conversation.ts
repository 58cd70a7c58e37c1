import type { RefusalReason } from '../base/refusal.ts';
import { encodeFail, encodeReport, encodeRun, encodeWait } from './answers.ts';
import type { OpenCache } from './caches.ts';
import type { Compiling, Engine, Offer, Preprocessing } from './engine.ts';
import type { PreparedAnswer } from './prepared-answers.ts';
import { discardRun } from './preprocessed-text.ts';
import {
  type CompileRequest,
  decodeBadBlob,
  decodeCompileRequest,
  decodeEnded,
  decodeMismatch,
  decodeRequestHead,
  type Frame,
  type RequestHead,
} from './wire.ts';

/**
 * One launcher's call, from its question to its ending. A launcher that was offered a hit may come back: a check no
 * longer holds, a blob is damaged. It then gets the next best answer; after {@link MAX_OFFERS} offers simply "compile".
 */
type Stage =
  | { readonly at: 'start' }
  | { readonly at: 'thinking' }
  | { readonly at: 'offered'; readonly head: RequestHead; readonly payload: Buffer; readonly answer: PreparedAnswer }
  | {
      readonly at: 'compiling';
      readonly compiling: Compiling;
      readonly session: string;
      readonly payload: Buffer;
      /** What came from elsewhere meanwhile, and was sent: the launcher takes it, or its own. */
      readonly late?: PreparedAnswer;
    }
  | {
      readonly at: 'preprocessing';
      readonly preprocessing: Preprocessing;
      readonly request: CompileRequest;
      readonly payload: Buffer;
    }
  | { readonly at: 'over' };

const MAX_OFFERS = 3;
/** A launcher gives us up after 2 s without a frame. */
const WAIT_EVERY_MS = 500;

export interface Conversation {
  /** Takes one frame; replies go out through `send`. Never throws: whatever fails here, the launcher compiles. */
  receive(frame: Frame): void;
  /** The launcher is gone. */
  close(): void;
}

export interface ConversationPort {
  send(frame: Buffer): void;
  end(): void;
  /** A failure inside the agent: logged; the launcher is told to run the compiler. */
  failed(error: unknown): void;
}

export function conversation(engine: Engine, port: ConversationPort): Conversation {
  let stage: Stage = { at: 'start' };
  let offers = 0;
  // Made for those who wait: most calls are hits, and a signal for each took a twentieth of the agent's time.
  let waiter: AbortController | undefined;
  let isGone = false;
  const gone = (): AbortSignal => {
    waiter ??= new AbortController();
    return waiter.signal;
  };

  const offer = (head: RequestHead, payload: Buffer, answer: PreparedAnswer): void => {
    offers += 1;
    stage = { at: 'offered', head, payload, answer };
    port.send(answer.frame);
  };
  const run = (
    session: string,
    reason: RefusalReason | undefined,
    cache?: OpenCache,
    note = '',
    slot = false,
  ): void => {
    stage = { at: 'over' };
    engine.ran(session, reason, cache);
    port.send(encodeRun(note, slot));
  };
  const carryOut = (request: CompileRequest, payload: Buffer, made: Offer): void => {
    switch (made.kind) {
      case 'hit':
        if (offers >= MAX_OFFERS) run(request.session, 'input-changed', made.answer.cache);
        else offer({ session: request.session, memoKey: request.memoKey }, payload, made.answer);
        return;
      case 'compile': {
        const compiling = { at: 'compiling', compiling: made, session: request.session, payload } as const;
        const { args, captures } = made.plan;
        const other = made.placed?.race;
        stage = compiling;
        port.send(
          encodeReport({
            run: other === undefined ? 'compile' : 'race',
            note: made.note,
            stdoutPath: '',
            args,
            captures,
          }),
        );
        void other?.answer.then((late) => {
          if (late === undefined || stage !== compiling) return;
          stage = { ...compiling, late };
          port.send(late.frame);
        });
        return;
      }
      case 'preprocess': {
        stage = { at: 'preprocessing', preprocessing: made, request, payload };
        const { args, textPath } = made.run;
        port.send(encodeReport({ run: 'preprocess', note: '', stdoutPath: textPath, args, captures: [] }));
        return;
      }
      case 'run':
        run(request.session, made.reason, made.cache, made.note, made.slot);
        return;
      case 'fail':
        stage = { at: 'over' };
        engine.ran(request.session, made.reason, made.cache);
        port.send(encodeFail(made.message));
    }
  };
  const when = (request: CompileRequest, payload: Buffer, offered: Promise<Offer>): void => {
    stage = { at: 'thinking' };
    const waiting = setInterval(() => port.send(encodeWait()), WAIT_EVERY_MS);
    const thought = (next: () => void): void => {
      clearInterval(waiting);
      if (isGone) return;
      next();
    };
    offered.then(
      (made) => (isGone ? letGo(made, request.session) : thought(() => carryOut(request, payload, made))),
      (error: unknown) => {
        port.failed(error);
        thought(() => run(request.session, 'internal'));
      },
    );
    gone().addEventListener('abort', () => clearInterval(waiting), { once: true });
  };
  /** What was offered to a launcher that is gone must be given back: slots, temporary files. */
  const letGo = (made: Offer, session: string): void => {
    if (made.kind === 'compile') engine.abandoned(session, made);
    if (made.kind === 'preprocess') discardRun(made.run);
  };
  const think = (payload: Buffer): void => {
    const request = decodeCompileRequest(payload);
    when(request, payload, engine.offer(request, gone()));
  };
  const start = (payload: Buffer): void => {
    const head = decodeRequestHead(payload);
    const prepared = engine.prepared(head.memoKey);
    if (prepared === undefined) think(payload);
    else offer(head, payload, prepared);
  };
  const handle = (frame: Frame): void => {
    if (stage.at === 'start' && frame.type === 'compile') start(frame.payload);
    else if (stage.at === 'offered' && frame.type === 'done') {
      const { head, answer, payload } = stage;
      engine.delivered(head.session, answer, () => decodeCompileRequest(payload));
      stage = { at: 'over' };
      // Nothing more is to come: to wait for the launcher's end costs another turn of the loop and a shutdown.
      port.end();
    } else if (stage.at === 'offered' && frame.type === 'mismatch') {
      engine.doubted(stage.head.memoKey, stage.answer, decodeMismatch(frame.payload));
      think(stage.payload);
    } else if (stage.at === 'offered' && frame.type === 'bad-blob') {
      engine.damaged(stage.head.memoKey, stage.answer, decodeBadBlob(frame.payload));
      think(stage.payload);
    } else if (stage.at === 'preprocessing' && frame.type === 'ended') {
      const { preprocessing, request, payload } = stage;
      when(request, payload, engine.preprocessed(preprocessing, decodeEnded(frame.payload), gone()));
    } else if (stage.at === 'compiling' && frame.type === 'ended') {
      const { compiling, session } = stage;
      stage = { at: 'over' };
      engine.ended(session, compiling, decodeEnded(frame.payload));
    } else if (stage.at === 'compiling' && stage.late !== undefined && frame.type === 'done') {
      const { compiling, session, late, payload } = stage;
      stage = { at: 'over' };
      engine.overtaken(session, compiling, late, () => decodeCompileRequest(payload));
    } else port.end();
  };
  return {
    receive(frame) {
      try {
        handle(frame);
      } catch (error) {
        port.failed(error);
        port.end();
      }
    },
    close() {
      if (stage.at === 'offered') engine.undelivered(stage.head.session, stage.answer);
      if (stage.at === 'preprocessing') discardRun(stage.preprocessing.run);
      if (stage.at === 'compiling') engine.abandoned(stage.session, stage.compiling);
      stage = { at: 'over' };
      // With a reason of its own: without one every abort makes an exception with a stack.
      isGone = true;
      waiter?.abort('gone');
    },
  };
}
