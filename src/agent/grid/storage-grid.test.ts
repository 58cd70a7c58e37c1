import { setTimeout as pass } from 'node:timers/promises';
import { zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { type Digest, sha256 } from '../../base/digest.ts';
import type { CompileResult, OutputFile } from '../../contract/generated/hybridgrid/v1/build.ts';
import { encodeWholeResult } from '../../contract/stored-result.ts';
import type { EntryKey, Found, Store, StoreTrouble } from '../../storage/store.ts';
import type { GridAnswer, Shipment } from './grid.ts';
import { storageGrid } from './storage-grid.ts';

const ACTION = sha256('action');
const LARGE = Buffer.alloc(600_000, 'object ');
const nameOf = ({ kind, digest }: EntryKey): string => `${kind} ${digest}`;

function output(content: Buffer, isInside: boolean): OutputFile {
  const digest = Buffer.from(sha256(content), 'hex');
  const data = isInside ? content : Buffer.alloc(0);
  return { role: 'object', digest, size: BigInt(content.length), data, present: true, packed: false };
}

function result(outputs: OutputFile[], more: Partial<CompileResult> = {}): CompileResult {
  const empty = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0), lists: [], listsPacked: true, workerId: '' };
  return { exitCode: 0, ...empty, outputs, compileMs: 50, cpuMs: 50, queueMs: 0, fromCache: false, ...more };
}

/** How the storage misbehaves. */
interface World {
  answer?: (key: EntryKey, limit: number) => Promise<Found> | undefined;
  refusal?: StoreTrouble;
}

function bed(wantsPlain = false) {
  const entries = new Map<string, Buffer>();
  const calls: string[] = [];
  const world: World = {};
  const store: Store = {
    shown: 'a storage',
    readOnly: false,
    wantsPlain,
    async get(key, limit) {
      calls.push(`get ${key.kind}`);
      const bytes = entries.get(nameOf(key));
      const said = world.answer?.(key, limit);
      return said ?? (bytes === undefined ? { kind: 'absent' } : { kind: 'found', bytes });
    },
    async has(key) {
      calls.push(`has ${key.kind}`);
      return entries.has(nameOf(key));
    },
    async put(key, bytes) {
      calls.push(`put ${key.kind}`);
      if (world.refusal === undefined) entries.set(nameOf(key), bytes);
      return world.refusal;
    },
    close: () => {},
  };
  const logged: object[] = [];
  const grid = storageGrid([store], (_message, details) => logged.push(details));
  const ask = (): Promise<GridAnswer> => {
    const shipment = { action: ACTION } as Shipment;
    return grid.compile(shipment, {
      storedOnly: true,
      ignoreStored: false,
      isDirect: false,
      signal: new AbortController().signal,
    });
  };
  const report = (of: CompileResult, content = LARGE) => grid.report(ACTION, of, () => Promise.resolve(content));
  return { entries, calls, world, grid, ask, report, logged };
}

test('small outputs are inside, large ones apart and compressed; both come back', async () => {
  const { entries, calls, ask, report } = bed();
  await report(result([output(Buffer.from('small'), true), output(LARGE, false)]));
  expect(calls).toEqual(['has content', 'put content', 'put result']);
  expect(entries.get(`content ${sha256(LARGE)}`)?.length).toBeLessThan(LARGE.length);
  const answer = await ask();
  expect(answer).toMatchObject({ kind: 'result', from: 'storage', result: { fromCache: true } });
  const outputs = answer.kind === 'result' ? answer.result.outputs : [];
  expect(outputs.map(({ data }) => data.toString())).toEqual(['small', LARGE.toString()]);
});

test('a server that checks contents gets them as they are; what is there is not sent again', async () => {
  const { entries, calls, report } = bed(true);
  await report(result([output(LARGE, false)]));
  expect(entries.get(`content ${sha256(LARGE)}`)).toEqual(LARGE);
  calls.length = 0;
  await report(result([output(LARGE, false)]));
  expect(calls).toEqual(['has content', 'put result']);
});

test('a content that this machine has lost keeps the result out', async () => {
  const { calls, grid } = bed();
  await grid.report(ACTION, result([output(LARGE, false)]), () => Promise.resolve(undefined));
  expect(calls).toEqual(['has content']);
});

test('no content but the one with the digest is taken, and none that grows beyond what was promised', async () => {
  const bomb = zstdCompressSync(Buffer.alloc(100 << 20));
  for (const bytes of [Buffer.from('other'), zstdCompressSync(Buffer.from('other')), bomb]) {
    const { entries, ask, report, logged, grid } = bed();
    await report(result([output(LARGE, false)]));
    entries.set(`content ${sha256(LARGE)}`, bytes);
    expect(await ask()).toMatchObject({ kind: 'declined', reason: 'not-stored' });
    expect(logged).toMatchObject([{ cause: 'strange', detail: expect.stringContaining('digest') }]);
    expect(grid.isWorthAsking()).toBe(false);
  }
});

test('a content is asked for with its promised size as the bound; one beyond all bounds not at all', async () => {
  const { world, ask, report, calls } = bed();
  let limit = 0;
  world.answer = (key, bound) => {
    if (key.kind === 'content') limit = bound;
    return undefined;
  };
  await report(result([output(LARGE, false)]));
  await ask();
  expect(limit).toBeLessThan(LARGE.length * 1.02);
  await report(result([{ ...output(LARGE, false), size: 1n << 40n }]));
  calls.length = 0;
  expect(await ask()).toMatchObject({ kind: 'declined' });
  expect(calls).toEqual(['get result']);
});

test.each<readonly [string, (action: Digest) => Buffer]>([
  ['of another action', () => encodeWholeResult(Buffer.from(sha256('other'), 'hex'), result([]))],
  ['of a failed compile', (action) => encodeWholeResult(Buffer.from(action, 'hex'), result([], { exitCode: 1 }))],
  [
    'with thousands of lists',
    (action) =>
      encodeWholeResult(Buffer.from(action, 'hex'), result([], { lists: Array(5_000).fill(Buffer.alloc(1)) })),
  ],
  ['cut off', (action) => encodeWholeResult(Buffer.from(action, 'hex'), result([])).subarray(0, -1)],
])('a result %s is none', async (_what, bytes) => {
  const { entries, ask, logged } = bed();
  entries.set(`result ${ACTION}`, bytes(ACTION));
  expect(await ask()).toMatchObject({ kind: 'declined', reason: 'not-stored' });
  expect(logged).toMatchObject([{ cause: 'strange', detail: 'a damaged result' }]);
});

test('what takes longer to say no than a miss may cost is left alone', async () => {
  const { world, ask, grid, logged } = bed();
  world.answer = () => pass(400).then(() => ({ kind: 'absent' }));
  await ask();
  expect(grid.isWorthAsking()).toBe(false);
  expect(logged).toMatchObject([{ cause: 'late', detail: expect.stringMatching(/^\d+ ms for an answer$/) }]);
});

test('a hit may take as long as the compile it saves', async () => {
  const { world, ask, report, grid, entries } = bed();
  await report(result([output(Buffer.from('small'), true)], { compileMs: 5_000 }));
  const bytes = entries.get(`result ${ACTION}`) ?? Buffer.alloc(0);
  world.answer = () => pass(400).then(() => ({ kind: 'found', bytes }));
  expect(await ask()).toMatchObject({ kind: 'result' });
  expect(grid.isWorthAsking()).toBe(true);
});

test('trouble with storing is no reason not to ask', async () => {
  const { ask, grid, report, world } = bed();
  world.refusal = { kind: 'trouble', cause: 'full', at: 'a storage', detail: 'OOM' };
  await report(result([]));
  expect([grid.isWriting(), grid.isWorthAsking()]).toEqual([false, true]);
  expect(await ask()).toMatchObject({ kind: 'declined', reason: 'not-stored' });
});
