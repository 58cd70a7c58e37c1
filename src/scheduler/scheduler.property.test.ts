import fc from 'fast-check';
import { expect, test } from 'vitest';
import { byName, type NamedEffect, type NamedEvent } from './by-name.ts';
import { fits, isFree } from './choice.ts';
import { addDemand } from './demands.ts';
import { durationClass } from './durations.ts';
import { fairQueue } from './fair-queue.ts';
import type { TaskOutcome } from './model.ts';
import { float, int, setFloat, setInt } from './rows.ts';
import { newScheduler, queueLength, type SchedulerState } from './state.ts';
import { CLASS, CLIENT, DEMAND, hasFlag, NUMBER, newTasks, RUN, reserveTask, WANTED, WORK_MS } from './tasks.ts';

/** What a random run does next; numbers pick among what is there. */
type Step =
  | { readonly do: 'attach'; readonly worker: number; readonly slots: number; readonly arch: number }
  | { readonly do: 'detach' | 'drain' | 'beat'; readonly worker: number }
  | { readonly do: 'submit'; readonly client: number; readonly arch: number; readonly pin: number }
  | { readonly do: 'end'; readonly pick: number; readonly outcome: TaskOutcome }
  | { readonly do: 'cancel'; readonly pick: number }
  | { readonly do: 'wait'; readonly ms: number };

const ARCHS = ['x86_64', 'aarch64'];
const small = fc.nat(7);
const outcome: fc.Arbitrary<TaskOutcome> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('ok' as const), latencyMs: fc.nat(500) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('declined' as const),
      reason: fc.constantFrom('internal', 'not-acceptable', 'no-toolchain', 'timeout', 'no-slot'),
      detail: fc.constant(''),
    }),
  },
  { weight: 1, arbitrary: fc.constant<TaskOutcome>({ kind: 'lost' }) },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('attach' as const), worker: small, slots: fc.nat(4), arch: fc.nat(1) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('detach', 'drain'), worker: small }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('beat' as const), worker: small }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('submit' as const),
      client: fc.nat(3),
      arch: fc.nat(1),
      pin: fc.oneof({ weight: 6, arbitrary: fc.constant(-1) }, { weight: 1, arbitrary: small }),
    }),
  },
  { weight: 7, arbitrary: fc.record({ do: fc.constant('end' as const), pick: fc.nat(1000), outcome }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), pick: fc.nat(1000) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(20_000) }) },
);

/** A worker that has a task, until it or its loss ended that. */
interface Hold {
  readonly task: string;
  readonly worker: string;
  /** When it was told to stop. */
  cancelledMs: number | undefined;
}

/** The world around the scheduler, which believes nothing it says without counting. */
function world() {
  const state = newScheduler({ seed: 7, queueLimit: 12, heartbeatMs: 10_000 });
  const named = byName(state);
  const slots = new Map<string, number>();
  let held: Hold[] = [];
  const ends = new Map<string, number>();
  const seen = { copies: 0 };
  let nowMs = 0;
  let submitted = 0;

  function apply(event: NamedEvent): void {
    for (const effect of named.step(event, nowMs)) follow(effect);
    checkInvariants();
  }

  function follow(effect: NamedEffect): void {
    if (effect.kind === 'assign') assign(effect.task, effect.worker);
    if (effect.kind === 'cancel') {
      const hold = held.find(({ task, worker }) => task === effect.task && worker === effect.worker);
      expect(hold, 'only who has a task is told to stop').toBeDefined();
      expect(hold?.cancelledMs, 'once').toBeUndefined();
      if (hold !== undefined) hold.cancelledMs = nowMs;
    }
    if (effect.kind === 'complete' || effect.kind === 'decline') {
      ends.set(effect.task, (ends.get(effect.task) ?? 0) + 1);
      const others = held.filter(({ task }) => task === effect.task);
      if (effect.kind === 'decline') expect(others, 'nobody has what goes home').toEqual([]);
      for (const { cancelledMs } of others) expect(cancelledMs, 'the other one is told to stop').toBeDefined();
    }
    if (effect.kind === 'worker-lost') forget(effect.worker);
  }

  function assign(task: string, worker: string): void {
    const others = held.filter((hold) => hold.task === task);
    expect(others.length, 'a task runs in two places at most').toBeLessThan(2);
    expect(others.map((hold) => hold.worker)).not.toContain(worker);
    expect(ends.get(task), 'nothing starts after its end').toBe(0);
    if (others.length > 0) {
      seen.copies += 1;
      expect(queueLength(state), 'nothing waits for the slot of a copy').toBe(0);
    }
    held.push({ task, worker, cancelledMs: undefined });
    const busy = held.filter((hold) => hold.worker === worker).length;
    expect(busy, 'slots are never over-committed').toBeLessThanOrEqual(slots.get(worker) ?? 0);
  }

  function forget(worker: string): void {
    slots.delete(worker);
    held = held.filter((hold) => hold.worker !== worker);
  }

  function checkInvariants(): void {
    for (const [task, count] of ends) expect(count, `${task} ends once`).toBeLessThanOrEqual(1);
    expect(queueLength(state)).toBeLessThanOrEqual(12 + state.retries.size);
    for (const worker of state.workers.values()) {
      const mine = held.filter((hold) => hold.worker === worker.offer.id);
      expect(worker.busy, 'both sides agree on what runs').toBe(mine.length);
    }
    for (const task of named.tasks().map((name) => named.task(name) ?? -1)) {
      if (int(state.tasks.rows, task, RUN) >= 0) continue;
      for (const { number } of state.workers.values()) {
        const isIdle = isFree(state.crew, number) && fits(state, number, task);
        expect(isIdle, 'nobody waits beside a free worker').toBe(false);
      }
    }
  }

  function take(next: Step): void {
    const event = eventOf(next);
    if (event !== undefined) apply(event);
  }

  function eventOf(next: Step): NamedEvent | undefined {
    switch (next.do) {
      case 'attach': {
        const id = `w${next.worker}`;
        forget(id);
        slots.set(id, next.slots);
        const arch = ARCHS[next.arch] as string;
        return {
          kind: 'worker-attached',
          worker: id,
          offer: { id, arch, cores: next.slots, memoryBytes: 8e9, slots: next.slots, lan: true },
        };
      }
      case 'detach':
        forget(`w${next.worker}`);
        return { kind: 'worker-detached', worker: `w${next.worker}` };
      case 'drain':
        return { kind: 'worker-draining', worker: `w${next.worker}` };
      case 'beat':
        return { kind: 'worker-heartbeat', worker: `w${next.worker}` };
      case 'submit': {
        submitted += 1;
        const id = `t${submitted}`;
        ends.set(id, 0);
        const pinnedTo = next.pin < 0 ? '' : `w${next.pin}`;
        const ask = {
          id,
          client: `c${next.client}`,
          arch: ARCHS[next.arch] as string,
          toolchain: 'gcc',
          pinnedTo,
          name: '',
        };
        return { kind: 'task-submitted', task: ask };
      }
      case 'end': {
        const hold = held[next.pick % Math.max(1, held.length)] ?? { task: 't0', worker: 'w0' };
        held = held.filter((other) => other !== hold);
        return { kind: 'task-ended', task: hold.task, worker: hold.worker, outcome: next.outcome };
      }
      case 'cancel': {
        const open = named.tasks().filter((name) => hasFlag(state.tasks, named.task(name) ?? -1, WANTED));
        const task = open[next.pick % Math.max(1, open.length)];
        if (task === undefined) return undefined;
        ends.set(task, (ends.get(task) ?? 0) + 1);
        return { kind: 'task-cancelled', task };
      }
      case 'wait':
        nowMs += next.ms;
        // A worker that ignores a cancel for so long has its slot counted as free again.
        held = held.filter(({ cancelledMs }) => cancelledMs === undefined || nowMs - cancelledMs < 30_000);
        return { kind: 'tick' };
    }
  }

  return { state, take, ends, seen };
}

function goHome(state: SchedulerState, take: (step: Step) => void): void {
  for (let worker = 0; worker < 8; worker += 1) take({ do: 'detach', worker });
  expect(state.tasks.size).toBe(0);
  expect(queueLength(state)).toBe(0);
}

test('slots are never over-committed, every task ends exactly once, nobody waits beside a free worker', () => {
  let copies = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
      const { state, take, ends, seen } = world();
      for (const next of steps) take(next);
      goHome(state, take);
      for (const [task, count] of ends) expect(count, `${task} ends exactly once`).toBe(1);
      copies += seen.copies;
    }),
    { numRuns: 300 },
  );
  expect(copies, 'late tasks were copied').toBeGreaterThan(20);
});

test('the client with the fewest running tasks is served next', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(4), { minLength: 5, maxLength: 80 }),
      fc.integer({ min: 1, max: 6 }),
      fc.array(fc.nat(1000), { maxLength: 60 }),
      (submissions, slots, picks) => {
        const state = newScheduler({ seed: 1, queueLimit: 1000, heartbeatMs: 10_000 });
        const offer = { id: 'w', arch: 'x86_64', cores: 4, memoryBytes: 8e9, slots, lan: false };
        const { step } = byName(state);
        step({ kind: 'worker-attached', worker: 'w', offer }, 0);
        const clientOf = new Map<string, string>();
        const running: string[] = [];
        const started: string[] = [];
        const note = (effects: readonly NamedEffect[]) => {
          for (const effect of effects) {
            if (effect.kind !== 'assign') continue;
            running.push(effect.task);
            started.push(effect.task);
          }
        };
        submissions.forEach((client, i) => {
          clientOf.set(`t${i}`, `c${client}`);
          const ask = { id: `t${i}`, client: `c${client}`, arch: 'x86_64', toolchain: '', pinnedTo: '', name: '' };
          note(step({ kind: 'task-submitted', task: ask }, i));
        });
        for (const pick of picks) {
          const [task] = running.splice(pick % Math.max(1, running.length), 1);
          if (task === undefined) break;
          const load = (client: string) => running.filter((other) => clientOf.get(other) === client).length;
          const waiting = [...clientOf].filter(([other]) => !started.includes(other));
          const before = started.length;
          const fewest = Math.min(...waiting.map(([, client]) => load(client)));
          const loads = new Map(waiting.map(([, client]) => [client, load(client)]));
          note(step({ kind: 'task-ended', task, worker: 'w', outcome: { kind: 'ok', latencyMs: 0 } }, 99));
          const served = started[before];
          expect(served === undefined).toBe(waiting.length === 0);
          if (served === undefined) continue;
          const client = clientOf.get(served) ?? '';
          expect(loads.get(client)).toBe(fewest);
          const first = waiting.find(([, other]) => other === client)?.[0];
          expect(served, 'first come, first served within a client').toBe(first);
        }
      },
    ),
    { numRuns: 500 },
  );
});

/** A queue in which one client has tasks of these durations. */
function queueOf(worksMs: readonly number[]) {
  const tasks = newTasks();
  const demands = { byNumber: [], byToolchain: new Map(), spare: [] };
  const queue = fairQueue(tasks, demands, true);
  const client = queue.enter('c');
  const { number: demand } = addDemand(demands, { arch: 'x86_64', toolchain: '', pinnedTo: '' }, 0);
  const waiting = worksMs.map((workMs, number) => {
    const task = reserveTask(tasks);
    setInt(tasks.rows, task, CLIENT, client);
    setInt(tasks.rows, task, DEMAND, demand);
    setInt(tasks.rows, task, CLASS, durationClass(workMs));
    setFloat(tasks.rows, task, WORK_MS, workMs);
    setInt(tasks.rows, task, NUMBER, number);
    queue.push(task);
    return task;
  });
  return { queue, client, waiting, workOf: (task: number) => float(tasks.rows, task, WORK_MS) };
}

test('within a client the longest task is served next, and every fourth time who came first', () => {
  const works = fc.array(fc.constantFrom(0, 20, 100, 700, 4000), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(works, (worksMs) => {
      const { queue, client, waiting, workOf } = queueOf(worksMs);
      for (let serving = 1; waiting.length > 0; serving += 1) {
        const task = queue.next(() => true, 0);
        const longest = Math.max(...waiting.map((other) => durationClass(workOf(other))));
        const [first] =
          serving % 4 === 0 ? waiting : waiting.filter((other) => durationClass(workOf(other)) === longest);
        expect(task).toBe(first);
        waiting.splice(waiting.indexOf(task), 1);
        queue.remove(task);
        queue.noteStart(client);
      }
      expect(queue.size).toBe(0);
    }),
  );
});

test('a slower worker is never given a longer class than there is, nor one too long while shorter ones wait', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(60_000), { minLength: 1, maxLength: 40 }), fc.nat(20), (worksMs, stepsDown) => {
      const { queue, workOf } = queueOf(worksMs);
      const classes = worksMs.map(durationClass);
      const limit = Math.max(0, Math.max(...classes) - stepsDown);
      const short = classes.filter((found) => found <= limit);
      const expected = short.length > 0 ? Math.max(...short) : Math.min(...classes);
      expect(durationClass(workOf(queue.next(() => true, stepsDown)))).toBe(expected);
    }),
  );
});
