/** A worker whose bytes are wrong, though their digests are right: found at home, and put out of work. */
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import type { CompileResult, Task } from '../src/contract/generated/hybridgrid/v1/build.ts';
import { outputOf, resultWith, startTestGrid, type TestGrid, until } from '../src/coordinator/testing/grid-bed.ts';
import { type Bed, HGBUILD, makeBed } from './bed/environment.ts';
import { run, runOk } from './bed/run.ts';
import { testWith, tool } from './bed/tools.ts';
import { layFiles, runScript } from './bed/twin.ts';

let bed: Bed;
let grid: TestGrid;
beforeEach(async () => {
  bed = makeBed();
  grid = await startTestGrid({ token: 'secret', heartbeatMs: 60_000 });
  writeFileSync(join(bed.root, 'token'), 'secret\n', { mode: 0o600 });
});
afterEach(async () => {
  await grid.end();
  await bed.remove();
});

/** Runs the very compiler where the client is, and changes the object. */
function compileAs({ spec }: Task, change: (object: Buffer) => Buffer): CompileResult {
  if (spec === undefined) throw new Error('a task without a compile');
  const lists: string[] = [];
  const listArgs = spec.listArgs.map((word) => {
    if (!word.includes(1)) return word.toString();
    lists.push(join(bed.root, `list-${lists.length}`));
    return word.toString().replace('\x01', lists.at(-1) ?? '');
  });
  const cwd = spec.cwd.toString();
  execFileSync(spec.compiler.toString(), [...listArgs, ...spec.args.map(String)], { cwd });
  const outputs = spec.outputs.map(({ role, path }) => {
    const file = join(cwd, path.toString());
    const bytes = readFileSync(file);
    rmSync(file);
    return outputOf(role === 'object' ? change(bytes) : bytes, { role });
  });
  const contents = lists.map((path) => readFileSync(path));
  return resultWith('', { stderr: Buffer.alloc(0), outputs, lists: contents });
}

const compileWrongly = (task: Task): CompileResult => compileAs(task, flipped);

function flipped(object: Buffer): Buffer {
  const changed = Buffer.from(object);
  changed[64] = (changed[64] as number) ^ 1;
  return changed;
}

/** The alarm in the agent's log, once it is there. */
async function alarm(cacheDir = bed.cacheDir): Promise<Record<string, unknown>> {
  let line: string | undefined;
  for (let left = 120; left > 0 && line === undefined; left -= 1) {
    await new Promise((next) => setTimeout(next, 250));
    const log = readFileSync(join(cacheDir, 'agent.log'), 'utf8');
    line = log.split('\n').find((text) => text.includes('WRONG RESULT'));
  }
  return JSON.parse(line ?? '{}');
}

const grids = (): NodeJS.ProcessEnv => ({
  HG_COORDINATOR: `127.0.0.1:${grid.running.grpcPort}`,
  HG_TOKEN_FILE: join(bed.root, 'token'),
  HG_LOCAL_SLOTS: '0',
});

async function layOldFiles(): Promise<Buffer> {
  layFiles(bed.work, { 'a.h': '#define A 1\n', 'a.c': '#include "a.h"\nint a(void) { return A; }\n' });
  await runScript(bed, 'touch -d "1 hour ago" a.c a.h; gcc -c a.c; mv a.o plain.o', 'plain');
  await runOk([HGBUILD, 'agent', 'start'], { env: { ...bed.env, ...grids() } });
  return readFileSync(join(bed.work, 'plain.o'));
}

testWith([tool('gcc')], 'a worker whose object is wrong is found, named and given nothing more', async () => {
  const plain = await layOldFiles();
  const bad = await grid.worker('bad-box');
  bad.onTask = (task) => bad.finish(task, compileWrongly(task));
  const env = { ...grids(), HG_VERIFY: '100%' };
  await runScript(bed, 'gcc -c a.c', 'cached', { env });
  expect(readFileSync(join(bed.work, 'a.o'))).toEqual(flipped(plain));
  expect(await alarm()).toMatchObject({
    from: 'remote',
    source: 'a.c',
    madeBy: { worker: 'bad-box', action: expect.stringMatching(/^[0-9a-f]{64}$/) },
    mismatches: [{ output: 'object', offset: 64 }],
  });
  await until(() => grid.logged.some(({ message }) => message === 'a worker is in quarantine'));
  const { stdout } = await run([HGBUILD, 'workers', '--json'], { env: { ...bed.env, ...env } });
  expect(JSON.parse(stdout.toString()).workers).toMatchObject([
    { id: 'bad-box', state: 'quarantine', quarantine: expect.stringContaining('found wrong') },
  ]);
  await runScript(bed, 'gcc -c a.c', 'cached', { env });
  expect(readFileSync(join(bed.work, 'a.o'))).toEqual(plain);
  expect(bad.tasks).toHaveLength(1);
});

testWith([tool('gcc')], 'so is one whose result was delivered before by the local cache', async () => {
  const plain = await layOldFiles();
  const bad = await grid.worker('bad-box');
  bad.onTask = (task) => bad.finish(task, compileWrongly(task));
  await runScript(bed, 'gcc -c a.c', 'cached', { env: grids() });
  await bed.flush();
  await runScript(bed, 'gcc -c a.c', 'cached', { env: { ...grids(), HG_VERIFY: '100%' } });
  expect(await alarm()).toMatchObject({ from: 'local', madeBy: { worker: 'bad-box' } });
  await until(() => grid.logged.some(({ message }) => message === 'a worker is in quarantine'));
  await runScript(bed, 'gcc -c a.c', 'cached', { env: grids() });
  expect(readFileSync(join(bed.work, 'a.o'))).toEqual(plain);
});

testWith([tool('gcc')], 'so is one whose result came from the shared cache, which forgets it', async () => {
  const plain = await layOldFiles();
  const bad = await grid.worker('bad-box');
  bad.onTask = (task) => bad.finish(task, compileWrongly(task));
  await runScript(bed, 'gcc -c a.c', 'cached', { env: grids() });
  const good = await grid.worker('good-box');
  good.onTask = (task) =>
    good.finish(
      task,
      compileAs(task, (bytes) => bytes),
    );
  const HG_CACHE_DIR = join(bed.root, 'another');
  const env = { ...grids(), HG_CACHE_DIR, HG_VERIFY: '100%' };
  await runOk([HGBUILD, 'agent', 'start'], { env: { ...bed.env, ...env } });
  await runScript(bed, 'gcc -c a.c', 'cached', { env });
  expect(readFileSync(join(bed.work, 'a.o'))).toEqual(flipped(plain));
  const said = await alarm(bed.agents().length === 1 ? bed.cacheDir : HG_CACHE_DIR);
  expect(said).toMatchObject({ from: 'shared', madeBy: { worker: 'bad-box' } });
  await until(() => grid.logged.some(({ message }) => message === 'a client found a result wrong'));
  // Whoever asks now gets another worker's.
  const third = { ...grids(), HG_CACHE_DIR: join(bed.root, 'third') };
  await runScript(bed, 'gcc -c a.c', 'cached', { env: third });
  expect(readFileSync(join(bed.work, 'a.o'))).toEqual(plain);
  expect([bad.tasks.length, good.tasks.length]).toEqual([1, 1]);
});
