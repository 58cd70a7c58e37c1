/** Workers and clients that come, go and fail at random: every question is answered, and nothing is left over. */
import { status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import type { CompileResponse, HealthCheckResponse } from '../contract/generated/hybridgrid/v1/build.ts';
import { drawBelow, seededRandom } from '../scheduler/random.ts';
import {
  blobOf,
  kindOf,
  resultIn,
  resultWith,
  specOf,
  startTestGrid,
  type TestGrid,
  type TestWorker,
  until,
} from './testing/grid-bed.ts'; // prettier-ignore

const COMPILES = 300;
const KNOWN = /^(result|declined (worker-lost|internal|no-worker|not-acceptable))$/;

test('a storm passes', async () => {
  const seed = Number(process.env.HG_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
  const random = seededRandom(seed);
  const below = (bound: number): number => drawBelow(random, bound);
  const grid = await startTestGrid({ heartbeatMs: 10_000 });
  const workers: TestWorker[] = [];
  const bring = async (): Promise<void> => {
    const worker = await grid.worker(`w${below(40)}`, { slots: 1 + below(3) });
    worker.onTask = (task) => {
      setTimeout(() => misbehave(worker, task.taskId, below), below(5));
    };
    workers.push(worker);
  };
  const arrivals: Promise<void>[] = [];
  const coming = setInterval(() => arrivals.push(bring()), 25);
  for (let i = 0; i < 3; i += 1) await bring();
  try {
    const clients = Array.from({ length: 5 }, () => grid.client());
    const answers: Promise<string>[] = [];
    for (let i = 0; i < COMPILES; i += 1) {
      const source = `int x${below(120)};`;
      const asked = (clients[below(5)] ?? grid.client()).compiling(specOf(source), {
        blobs: [blobOf(source)],
        client: `c${below(4)}`,
        ignoreStored: below(2) === 0,
      });
      answers.push(asked.answer.then(check(source), (error) => `status ${error.code}`));
      if (below(6) === 0) setTimeout(() => asked.cancel(), below(10));
      if (below(10) === 0) await new Promise((resolve) => setTimeout(resolve, below(20)));
    }
    const kinds = await Promise.all(answers);
    for (const kind of kinds) {
      if (kind !== `status ${status.CANCELLED}`) expect(kind, `seed ${seed}`).toMatch(KNOWN);
    }
    expect(kinds.filter((kind) => kind === 'result').length, `seed ${seed}`).toBeGreaterThan(COMPILES / 20);
    clearInterval(coming);
    await Promise.all(arrivals);
    for (const worker of workers) worker.leave();
    await nothingLeft(grid);
  } finally {
    clearInterval(coming);
    await grid.end();
  }
});

function misbehave(worker: TestWorker, taskId: string, below: (bound: number) => number): void {
  const task = worker.tasks.find((other) => other.taskId === taskId);
  const source =
    task?.spec?.inputs[0]?.node?.$case === 'file' ? task.spec.inputs[0].node.value.digest.toString('hex') : '';
  const what = below(20);
  if (what === 0) worker.leave();
  else if (what === 1) worker.decline(task, 'internal');
  else if (what === 2) worker.decline(task, 'not-acceptable');
  else if (what === 3) worker.finish({ ...task, taskId: 'unknown' } as typeof task, resultWith('x'));
  if (what > 1) worker.finish(task, resultWith(`object of ${source}`));
}

function check(source: string): (response: CompileResponse) => string {
  return (response) => {
    const kind = kindOf(response);
    if (kind !== 'result') return kind;
    const object = resultIn(response).outputs[0]?.data.toString();
    return object === `object of ${blobOf(source).digest.toString('hex')}` ? 'result' : `another object: ${object}`;
  };
}

async function nothingLeft(grid: TestGrid): Promise<void> {
  const client = grid.client();
  let health: HealthCheckResponse | undefined;
  for (let i = 0; i < 100 && (health === undefined || health.workers > 0); i += 1) {
    health = await client.call<object, HealthCheckResponse>('healthCheck', {});
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(health).toMatchObject({ workers: 0, activeTasks: 0, queuedTasks: 0 });
  await until(() => !grid.logged.some(({ message }) => message === 'a call failed'), 'no failed call');
}
