import { expect, test } from 'vitest';
import { byName, type NamedEffect } from './by-name.ts';
import type { TaskAsk, TaskOutcome, WorkerOffer } from './model.ts';
import { float } from './rows.ts';
import { transition } from './scheduler.ts';
import { newScheduler, queueLength } from './state.ts';
import { WORK_MS } from './tasks.ts';

const OK: TaskOutcome = { kind: 'ok', latencyMs: 10 };
const broken = (reason: string): TaskOutcome => ({ kind: 'declined', reason, detail: '' });

function grid(queueLimit = 100) {
  const state = newScheduler({ seed: 3, queueLimit, heartbeatMs: 1000 });
  const named = byName(state);
  let nowMs = 0;
  const offer = (id: string, more: Partial<WorkerOffer> = {}): WorkerOffer => ({
    id,
    arch: 'x86_64',
    cores: 4,
    memoryBytes: 8e9,
    slots: 1,
    lan: false,
    ...more,
  });
  return {
    state,
    named,
    /** Time passes unnoticed. */
    wait: (ms: number): void => {
      nowMs += ms;
    },
    pass: (ms: number): readonly NamedEffect[] => {
      nowMs += ms;
      return named.step({ kind: 'tick' }, nowMs);
    },
    attach: (id: string, more: Partial<WorkerOffer> = {}) =>
      named.step({ kind: 'worker-attached', worker: id, offer: offer(id, more) }, nowMs),
    submit: (id: string, more: Partial<TaskAsk<string>> = {}) =>
      named.step(
        {
          kind: 'task-submitted',
          task: { id, client: 'c', arch: 'x86_64', toolchain: 'gcc', pinnedTo: '', name: '', ...more },
        },
        nowMs,
      ),
    end: (task: string, worker: string, outcome: TaskOutcome) =>
      named.step({ kind: 'task-ended', task, worker, outcome }, nowMs),
    cancel: (task: string) => named.step({ kind: 'task-cancelled', task }, nowMs),
    detach: (worker: string) => named.step({ kind: 'worker-detached', worker }, nowMs),
    drain: (worker: string) => named.step({ kind: 'worker-draining', worker }, nowMs),
    beat: (worker: string) => named.step({ kind: 'worker-heartbeat', worker }, nowMs),
  };
}

const brief = (effects: readonly NamedEffect[]): string[] =>
  effects.map((effect) =>
    [
      effect.kind,
      'task' in effect ? effect.task : '',
      'worker' in effect ? effect.worker : '',
      'reason' in effect ? effect.reason : '',
    ] // prettier-ignore
      .filter((word) => word !== '')
      .join(' '),
  );

test('without a worker of the right kind a task goes home at once', () => {
  const g = grid();
  expect(brief(g.submit('t1'))).toEqual(['decline t1 no-worker']);
  g.attach('w1', { arch: 'aarch64' });
  g.attach('w2', { slots: 0 });
  expect(brief(g.submit('t2'))).toEqual(['decline t2 no-worker']);
  expect(brief(g.submit('t3', { arch: 'aarch64' }))).toEqual(['assign t3 w1']);
});

test('all busy is no error: tasks wait, and only a full queue declines', () => {
  const g = grid(1);
  g.attach('w1');
  expect(brief(g.submit('t1'))).toEqual(['assign t1 w1']);
  expect(g.submit('t2')).toEqual([]);
  expect(brief(g.submit('t3'))).toEqual(['decline t3 no-slot']);
  expect(g.pass(40)).toEqual([]);
  expect(g.end('t1', 'w1', OK)).toEqual([
    { kind: 'complete', task: 't1', worker: 'w1' },
    { kind: 'assign', task: 't2', worker: 'w1', waitedMs: 40 },
  ]);
});

test('a lost task goes to one other worker, then home', () => {
  const g = grid();
  g.attach('w1');
  g.submit('t1');
  g.attach('w2');
  g.attach('w3');
  const [moved] = brief(g.detach('w1'));
  expect(moved).toMatch(/^assign t1 w[23]$/);
  expect(brief(g.detach(moved?.slice(-2) ?? ''))).toEqual(['decline t1 worker-lost']);
});

test('a declined task waits for another worker rather than going back', () => {
  const g = grid();
  g.attach('w1');
  g.attach('w2');
  const [at] = brief(g.submit('t1'));
  const first = at?.slice(-2) ?? '';
  const other = first === 'w1' ? 'w2' : 'w1';
  g.submit('t2');
  expect(g.end('t1', first, broken('not-acceptable'))).toEqual([]);
  expect(queueLength(g.state)).toBe(1);
  expect(brief(g.submit('t3'))).toEqual([`assign t3 ${first}`]);
  expect(brief(g.end('t2', other, OK))).toEqual([`complete t2 ${other}`, `assign t1 ${other}`]);
});

test('a waiting second try goes home when the last other worker leaves', () => {
  const g = grid();
  g.attach('w1');
  g.submit('t1');
  g.attach('w2');
  g.submit('t2');
  g.end('t1', 'w1', broken('not-acceptable'));
  expect(brief(g.drain('w2'))).toEqual(['decline t1 worker-lost']);
});

test('what would fail anywhere is not tried twice', () => {
  const g = grid();
  g.attach('w1');
  g.submit('t1');
  g.attach('w2');
  expect(brief(g.end('t1', 'w1', broken('timeout')))).toEqual(['decline t1 timeout']);
});

test('a worker without the toolchain is not asked for it again; where all lack it, tasks go home at once', () => {
  const g = grid();
  g.attach('w1', { slots: 8 });
  g.submit('t1');
  expect(brief(g.end('t1', 'w1', broken('no-toolchain')))).toEqual(['decline t1 no-toolchain']);
  expect(brief(g.submit('t2'))).toEqual(['decline t2 no-worker']);
  expect(brief(g.submit('t3', { toolchain: 'clang' }))).toEqual(['assign t3 w1']);
});

test('a worker is asked again for what it lacked, once it can be had', () => {
  const g = grid();
  g.attach('w1', { slots: 8 });
  g.submit('t1');
  g.end('t1', 'w1', broken('no-toolchain'));
  g.named.step({ kind: 'toolchain-brought', toolchain: 'clang' }, 0);
  expect(brief(g.submit('t2'))).toEqual(['decline t2 no-worker']);
  g.named.step({ kind: 'toolchain-brought', toolchain: 'gcc' }, 0);
  expect(brief(g.submit('t3'))).toEqual(['assign t3 w1']);
});

test('a silent worker is lost after three heartbeats, with its tasks', () => {
  const g = grid();
  g.attach('w1');
  g.attach('w2');
  g.submit('t1');
  g.submit('t2');
  expect(g.pass(2999)).toEqual([]);
  g.beat('w1');
  const lost = brief(g.pass(1));
  expect(lost[0]).toBe('worker-lost w2');
  expect(queueLength(g.state)).toBe(1);
});

test('workers lost together do not hand tasks to one another', () => {
  const g = grid();
  for (const id of ['w1', 'w2', 'w3']) g.attach(id);
  g.submit('t1');
  expect(brief(g.pass(3000))).toEqual(
    ['worker-lost w1', 'worker-lost w2', 'worker-lost w3', 'decline t1 worker-lost'].sort(
      (a, b) => Number(a.startsWith('decline')) - Number(b.startsWith('decline')),
    ),
  ); // prettier-ignore
});

test('a cancelled task holds its slot until the worker says it stopped', () => {
  const g = grid();
  g.attach('w1');
  g.submit('t1');
  expect(brief(g.cancel('t1'))).toEqual(['cancel t1 w1']);
  expect(g.submit('t2')).toEqual([]);
  expect(brief(g.end('t1', 'w1', broken('cancelled')))).toEqual(['assign t2 w1']);
  expect(g.state.workers.get('w1')?.circuit.known).toBe(0);
});

test('a worker that never confirms a cancel gets its slot back after half a minute', () => {
  const g = grid();
  g.attach('w1', { slots: 1 });
  g.submit('t1');
  g.cancel('t1');
  g.submit('t2');
  for (let i = 0; i < 29; i += 1) {
    g.beat('w1');
    expect(g.pass(1000)).toEqual([]);
  }
  g.beat('w1');
  expect(brief(g.pass(1000))).toEqual(['assign t2 w1']);
});

test('a worker that fails at once is no black hole', () => {
  const g = grid(1000);
  g.attach('bad', { slots: 4, cores: 64 });
  g.attach('good', { slots: 4 });
  let failures = 0;
  for (let i = 0; i < 200; i += 1) {
    let effects = g.submit(`t${i}`);
    for (let assigned = effects.find((e) => e.kind === 'assign'); assigned; ) {
      const { worker, task } = assigned;
      if (worker === 'bad') failures += 1;
      effects = g.end(task, worker, worker === 'bad' ? broken('internal') : OK);
      assigned = effects.find((e) => e.kind === 'assign');
    }
  }
  expect(failures).toBe(5);
  expect(g.state.workers.get('good')?.completed).toBe(200);
});

test('a worker that dies of every task does not come back as new', () => {
  const g = grid();
  for (let i = 0; i < 5; i += 1) {
    g.attach('w1');
    expect(brief(g.submit(`t${i}`))).toEqual([`assign t${i} w1`]);
    g.detach('w1');
  }
  g.attach('w1');
  expect(brief(g.submit('t9'))).toEqual(['decline t9 no-worker']);
  g.pass(1);
  for (let i = 0; i < 31; i += 1) {
    g.beat('w1');
    g.pass(1000);
  }
  expect(brief(g.submit('t10'))).toEqual(['assign t10 w1']);
});

test('only the worker that has a task can end it, and once', () => {
  const g = grid();
  g.attach('w1');
  g.attach('w2');
  const [assigned] = brief(g.submit('t1'));
  const at = assigned?.slice(-2) ?? '';
  expect(g.end('t1', at === 'w1' ? 'w2' : 'w1', OK)).toEqual([]);
  expect(g.end('t2', at, OK)).toEqual([]);
  expect(brief(g.end('t1', at, OK))).toEqual([`complete t1 ${at}`]);
  expect(g.end('t1', at, OK)).toEqual([]);
});

test('a pinned task waits for its worker alone', () => {
  const g = grid();
  g.attach('w1');
  g.attach('w2');
  expect(brief(g.submit('t1', { pinnedTo: 'w2' }))).toEqual(['assign t1 w2']);
  expect(g.submit('t2', { pinnedTo: 'w2' })).toEqual([]);
  expect(brief(g.submit('t3', { pinnedTo: 'w9' }))).toEqual(['decline t3 no-worker']);
  expect(brief(g.submit('t4'))).toEqual(['assign t4 w1']);
});

test('of equally fast workers the emptier one of two is chosen', () => {
  const g = grid();
  g.attach('small', { slots: 8 });
  g.attach('large', { slots: 32 });
  for (let i = 0; i < 20; i += 1) g.submit(`t${i}`);
  expect(g.state.workers.get('small')?.busy).toBe(4);
  expect(g.state.workers.get('large')?.busy).toBe(16);
});

/** Two workers with one slot, of which `slow` took five times as long for the same. */
function unequal() {
  const g = grid();
  g.attach('slow');
  g.attach('fast');
  for (let i = 0; i < 30; i += 1) {
    g.submit(`s${i}`, { pinnedTo: 'slow', name: 'f' });
    g.submit(`f${i}`, { pinnedTo: 'fast', name: 'f' });
    g.wait(100);
    g.end(`f${i}`, 'fast', OK);
    g.wait(400);
    g.end(`s${i}`, 'slow', OK);
  }
  return g;
}

test('of workers of different speed the fastest free one is chosen', () => {
  const g = unequal();
  for (let i = 0; i < 10; i += 1) {
    expect(brief(g.submit(`t${i}`))).toEqual([`assign t${i} fast`]);
    g.end(`t${i}`, 'fast', OK);
  }
  g.submit('t10');
  expect(brief(g.submit('t11'))).toEqual(['assign t11 slow']);
});

test('a worker that comes back is as fast as it was', () => {
  const g = unequal();
  g.detach('fast');
  g.attach('fast');
  g.detach('slow');
  g.attach('slow');
  for (let i = 0; i < 10; i += 1) {
    expect(brief(g.submit(`t${i}`))).toEqual([`assign t${i} fast`]);
    g.end(`t${i}`, 'fast', OK);
  }
});

test('what took long before goes first, what was never seen before that, and every fourth time the oldest', () => {
  const g = grid();
  g.attach('w1');
  for (const [name, ms] of [
    ['short', 50],
    ['long', 800],
    ['middle', 200],
  ] as const) {
    g.submit(name, { name });
    g.wait(ms);
    g.end(name, 'w1', OK);
  } // prettier-ignore
  g.submit('first');
  for (const name of ['short', 'long', 'middle', 'new', 'long', 'long'])
    g.submit(`${name}${g.state.submissions}`, { name });
  const order = [];
  for (let task = 'first'; task !== ''; ) {
    const [, next = ''] = brief(g.end(task, 'w1', OK)).map((line) => line.split(' ')[1] ?? '');
    order.push(next.replace(/\d/g, ''));
    task = next;
  }
  expect(order).toEqual(['new', 'long', 'short', 'long', 'long', 'middle', '']);
});

test('a slow worker is given what takes it no longer than the longest takes others', () => {
  const g = unequal();
  for (const [name, ms] of [
    ['short', 100],
    ['long', 2000],
  ] as const) {
    g.submit(name, { name, pinnedTo: 'fast' });
    g.wait(ms);
    g.end(name, 'fast', OK);
  }
  g.submit('x', { pinnedTo: 'fast' });
  g.submit('y', { pinnedTo: 'slow' });
  for (const id of ['long1', 'long2', 'short1', 'short2']) g.submit(id, { name: id.slice(0, -1) });
  expect(brief(g.end('y', 'slow', OK))).toEqual(['complete y slow', 'assign short1 slow']);
  expect(brief(g.end('x', 'fast', OK))).toEqual(['complete x fast', 'assign long1 fast']);
});

/** `t1` is late on `w1`, and `w2` runs it as well. */
function copied(more: Partial<TaskAsk<string>> = {}) {
  const g = grid();
  g.attach('w1');
  expect(brief(g.submit('t1', more))).toEqual(['assign t1 w1']);
  g.attach('w2');
  g.beat('w2');
  g.wait(1400);
  g.beat('w2');
  g.wait(200);
  return { ...g, effects: brief(g.pass(0)) };
}

test('what a silent worker has is run by an idle one as well, and the first answer counts', () => {
  const g = copied();
  expect(g.effects).toEqual(['assign t1 w2']);
  expect(brief(g.end('t1', 'w2', OK))).toEqual(['cancel t1 w1', 'complete t1 w2']);
  expect(g.state.workers.get('w1')?.busy, 'until it says that it stopped').toBe(1);
  expect(g.end('t1', 'w1', broken('cancelled'))).toEqual([]);
  expect(g.state.workers.get('w1')?.busy).toBe(0);
  expect(g.state.workers.get('w1')?.circuit.known, 'being late is no failure').toBe(0);
  expect(g.state.tasks.size).toBe(0);
});

test('the first worker may be first after all', () => {
  const g = copied();
  expect(brief(g.end('t1', 'w1', OK))).toEqual(['cancel t1 w2', 'complete t1 w1']);
  expect(g.end('t1', 'w2', OK), 'its answer comes too late').toEqual([]);
  expect(g.state.tasks.size).toBe(0);
});

test('a task that runs twice is left to the other worker when one fails, and goes home when both do', () => {
  const g = copied();
  expect(g.end('t1', 'w2', broken('internal'))).toEqual([]);
  expect(brief(g.detach('w1'))).toEqual(['decline t1 worker-lost']);
  const again = copied();
  expect(again.detach('w1')).toEqual([]);
  expect(brief(again.end('t1', 'w2', OK))).toEqual(['complete t1 w2']);
});

test('a client that goes away stops both', () => {
  const g = copied();
  expect(brief(g.cancel('t1'))).toEqual(['cancel t1 w1', 'cancel t1 w2']);
  expect(g.cancel('t1')).toEqual([]);
  g.end('t1', 'w1', broken('cancelled'));
  expect(g.end('t1', 'w2', OK)).toEqual([]);
  expect(g.state.tasks.size).toBe(0);
});

test('a pinned task is not run elsewhere, and nothing is run twice while something waits', () => {
  expect(copied({ pinnedTo: 'w1' }).effects).toEqual([]);
  const g = grid();
  g.attach('w1');
  g.submit('t1');
  g.attach('w2');
  g.submit('t2', { pinnedTo: 'w1' });
  g.wait(1600);
  g.beat('w2');
  expect(g.pass(0)).toEqual([]);
});

test('a known task is run a second time when it took half as long again as ever', () => {
  const g = grid();
  g.attach('w1');
  g.submit('t1', { name: 'f' });
  g.wait(400);
  g.end('t1', 'w1', OK);
  g.submit('t2', { name: 'f' });
  g.attach('w2');
  g.wait(500);
  expect(g.pass(0), 'a little late').toEqual([]);
  g.wait(200);
  expect(brief(g.pass(0))).toEqual(['assign t2 w2']);
});

test('tasks of a name nobody gave are all different', () => {
  const g = grid();
  g.attach('w1');
  g.submit('t1');
  g.wait(5000);
  g.end('t1', 'w1', OK);
  g.submit('t2');
  expect(float(g.state.tasks.rows, g.named.task('t2') ?? -1, WORK_MS)).toBe(0);
});

test('numbers of tasks and workers are used again, and nobody takes one that was not given out', () => {
  const g = grid();
  g.attach('w1', { slots: 100 });
  const numbers = new Set<number>();
  for (let i = 0; i < 500; i += 1) {
    g.submit(`t${i}`);
    numbers.add(g.named.task(`t${i}`) ?? -1);
    if (i >= 20) g.end(`t${i - 20}`, 'w1', OK);
  }
  expect(numbers.size).toBe(21);
  expect(g.state.workers.get('w1')?.busy).toBe(20);
  const ask = { client: 'c', arch: 'x86_64', toolchain: 'gcc', pinnedTo: '', name: '' };
  const submit = (id: number) => transition(g.state, { kind: 'task-submitted', task: { ...ask, id } }, 0);
  expect(() => submit(99)).toThrow('nobody was given the number 99');
  expect(() => submit(g.named.task('t499') ?? -1)).toThrow('was submitted twice');
  for (let i = 0; i < 50; i += 1) g.attach(`w${i % 3}`, { slots: 2 });
  expect(Math.max(...[...g.state.workers.values()].map(({ number }) => number))).toBeLessThan(4);
});

test('a worker may have many more tasks than its list has room for in the beginning', () => {
  const g = grid();
  g.attach('w1', { slots: 300 });
  g.attach('w2', { slots: 300 });
  for (let i = 0; i < 600; i += 1) g.submit(`t${i}`);
  expect([...g.state.workers.values()].map(({ busy }) => busy)).toEqual([300, 300]);
  const moved = brief(g.detach('w1'));
  expect(moved).toEqual([]);
  expect(queueLength(g.state)).toBe(300);
  expect(brief(g.detach('w2')).filter((line) => line.startsWith('decline')).length).toBe(600);
  expect(g.state.tasks.size).toBe(0);
});

test('a task that is tried once is given to no other worker, but copied where it is late', () => {
  const g = grid();
  g.attach('w1');
  g.submit('t1', { once: true });
  g.submit('t2', { once: true });
  g.attach('w2');
  expect(brief(g.end('t1', 'w1', broken('internal')))).toEqual(['decline t1 internal']);
  expect(brief(g.detach('w2'))).toEqual(['decline t2 worker-lost']);
  const late = copied({ once: true });
  expect(late.effects).toEqual(['assign t1 w2']);
  expect(brief(late.detach('w1')), 'the other one still has it').toEqual([]);
  expect(brief(late.end('t1', 'w2', OK))).toEqual(['complete t1 w2']);
});

test("a client that is gone is not its worker's fault", () => {
  const g = grid();
  g.attach('w1');
  for (let i = 0; i < 20; i += 1) {
    g.submit(`t${i}`, { once: true });
    g.end(`t${i}`, 'w1', broken('client-gone'));
  }
  expect(g.state.workers.get('w1')?.circuit.phase).toBe('closed');
  expect(g.state.tasks.size).toBe(0);
});
