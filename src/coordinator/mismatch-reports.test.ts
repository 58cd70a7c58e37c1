import { afterEach, beforeEach, expect, test } from 'vitest';
import { sha256 } from '../base/digest.ts';
import { actionOf } from '../contract/digests.ts';
import type {
  CompileSpec,
  GetWorkerStatusResponse,
  ReportMismatchRequest,
  ReportMismatchResponse,
} from '../contract/generated/hybridgrid/v1/build.ts';
import {
  blobOf,
  kindOf,
  resultIn,
  resultWith,
  specOf,
  startTestGrid,
  type TestClient,
  type TestGrid,
  type TestWorker,
  until,
} from './testing/grid-bed.ts';

let grid: TestGrid;
let client: TestClient;
beforeEach(async () => {
  grid = await startTestGrid({ heartbeatMs: 500 });
  client = grid.client();
});
afterEach(() => grid.end());

const sourceOf = (n: number): string => `int f(void) { return ${n}; }\n`;

/** A worker that makes this of everything. */
async function maker(id: string, object: string): Promise<TestWorker> {
  const worker = await grid.worker(id);
  worker.onTask = (task) => worker.finish(task, resultWith(object));
  return worker;
}

const compile = (n: number) => client.compile(specOf(sourceOf(n)), { blobs: [blobOf(sourceOf(n))] });

function report(spec: CompileSpec, delivered: string, more: Partial<ReportMismatchRequest> = {}) {
  const question: ReportMismatchRequest = {
    action: Buffer.from(actionOf(spec), 'hex'),
    workerId: '',
    output: 'object',
    delivered: Buffer.from(sha256(delivered), 'hex'),
    plain: Buffer.from(sha256('right'), 'hex'),
    offset: 3n,
    client: 'client',
    ...more,
  };
  return client.call<ReportMismatchRequest, ReportMismatchResponse>('reportMismatch', question);
}

async function quarantineOf(id: string): Promise<string | undefined> {
  const { workers } = await client.call<object, GetWorkerStatusResponse>('getWorkerStatus', {});
  return workers.find(({ capabilities }) => capabilities?.workerId === id)?.quarantine;
}

test('a wrong result leaves the shared cache, and its worker gets no more tasks until it attaches again', async () => {
  const bad = await maker('bad', 'wrong');
  await compile(1);
  expect(await report(specOf(sourceOf(1)), 'wrong')).toEqual({ dropped: true, quarantined: true, detail: '' });
  expect(kindOf(await client.compile(specOf(sourceOf(1)), { storedOnly: true }))).toBe('declined stored-only');
  expect(await quarantineOf('bad')).toMatch(/found wrong by 127\.0\.0\.1: action [0-9a-f]{64}, object/);
  const told = (await (await fetch(`${grid.url}/api/v1/workers`)).json()) as { workers: object[] };
  expect(told.workers).toMatchObject([{ id: 'bad', quarantine: expect.stringContaining('found wrong') }]);
  const metrics = await (await fetch(`${grid.url}/metrics`)).text();
  expect(metrics).toMatch(/^hybridgrid_quarantined_workers 1$/m);
  expect(metrics).toMatch(/^hybridgrid_mismatch_reports_total 1$/m);
  expect(await (await fetch(`${grid.url}/`)).text()).toContain('quarantine: a result was found wrong');

  expect(kindOf(await compile(2))).toBe('declined no-worker');
  const good = await maker('good', 'right');
  expect(resultIn(await compile(1)).workerId).toBe('good');
  expect(bad.tasks).toHaveLength(1);
  good.leave();
  bad.leave();
  await until(() => grid.logged.filter(({ message }) => message === 'a worker left').length === 2);
  await maker('bad', 'mended');
  expect(await quarantineOf('bad')).toBe('');
  expect(resultIn(await compile(3)).workerId).toBe('bad');
});

test('what a worker in quarantine still has in hand is done by another', async () => {
  const bad = await grid.worker('bad');
  const first = compile(1);
  await until(() => bad.tasks.length === 1);
  bad.finish(bad.tasks[0], resultWith('wrong'));
  await first;
  const second = compile(2);
  await until(() => bad.tasks.length === 2);
  await report(specOf(sourceOf(1)), 'wrong');
  await maker('good', 'right');
  bad.finish(bad.tasks[1], resultWith('wrong'));
  expect(resultIn(await second).workerId).toBe('good');
});

test('a word against what is not on record, or by no digest, harms nobody', async () => {
  await maker('w1', 'right');
  await compile(1);
  for (const [spec, delivered] of [
    [specOf(sourceOf(1)), 'invented'],
    [specOf(sourceOf(2)), 'right'],
  ] as const) {
    expect(await report(spec, delivered)).toMatchObject({ dropped: false, quarantined: false });
  }
  await expect(report(specOf(sourceOf(1)), 'right', { action: Buffer.alloc(3) })).rejects.toMatchObject({ code: 3 });
  expect(await quarantineOf('w1')).toBe('');
  expect(resultIn(await compile(1)).fromCache).toBe(true);
});

test('one address puts no more than two workers out of work within an hour', async () => {
  const verdicts: boolean[] = [];
  for (const n of [1, 2, 3]) {
    const worker = await maker(`w${n}`, 'fine');
    await compile(n);
    verdicts.push((await report(specOf(sourceOf(n)), 'fine')).quarantined);
    expect(worker.tasks).toHaveLength(1);
  }
  expect(verdicts).toEqual([true, true, false]);
  expect(resultIn(await compile(4)).workerId).toBe('w3');
});

test('another worker that makes the same clears the first', async () => {
  const accused = await maker('accused', 'fine');
  await compile(1);
  await report(specOf(sourceOf(1)), 'fine');
  const witness = await maker('witness', 'fine');
  expect(resultIn(await compile(1)).workerId).toBe('witness');
  await until(() => accused.ended !== undefined);
  expect(accused.ended).toMatchObject({ details: 'the quarantine is lifted' });
  expect(grid.logged.some(({ message }) => message.startsWith('another worker makes the same result'))).toBe(true);
  expect(witness.ended).toBeUndefined();
});
