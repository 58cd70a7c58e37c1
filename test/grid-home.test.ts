/** Compiles that were sent away and are done at home after all: the last of a build, which everybody waits for. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { HGBUILD } from './bed/environment.ts';
import type { Grid } from './bed/grid.ts';
import { GRID_NEEDS, useGridBed } from './bed/grid-bed.ts';
import { processesWithEnv, signalProcess, until } from './bed/processes.ts';
import { runOk } from './bed/run.ts';
import { testWith } from './bed/tools.ts';
import { expectTwin, layFiles, runScript } from './bed/twin.ts';

const use = useGridBed();

/** Tasks that the coordinator believes to be under way. */
async function runningTasks(running: Grid): Promise<number> {
  const token = readFileSync(running.tokenFile, 'utf8').trim();
  const headers = { authorization: `Bearer ${token}` };
  const asked = await fetch(`http://127.0.0.1:${running.httpPort}/api/v1/workers`, { headers });
  const { workers } = (await asked.json()) as { readonly workers: readonly { readonly active_tasks: number }[] };
  return workers.reduce((sum, worker) => sum + worker.active_tasks, 0);
}

async function untilIdle(running: Grid): Promise<void> {
  let tasks = Number.POSITIVE_INFINITY;
  const asking = setInterval(async () => {
    tasks = await runningTasks(running);
  }, 50);
  try {
    expect(await until(() => tasks === 0)).toBe(true);
  } finally {
    clearInterval(asking);
  }
}

const sources = (round: number) => ({
  'a.c': `#include <stdio.h>\nint a(void) { return puts("${round}"); }\n`,
  'b.c': `#include <stdio.h>\nint b(int unused) { return puts("${round}"); }\n`,
});
const BOTH = 'gcc -g -Wall -Wextra -c a.c & one=$!; gcc -g -c b.c; echo $?; wait $one; echo $?';

testWith(
  GRID_NEEDS,
  'a compile on a worker that says nothing is done here, and the worker is told to stop',
  async () => {
    // The coordinator itself would not miss a heartbeat before the test is over.
    const running = await use.start({ workers: 1, coordinatorFlags: ['--heartbeat=10m'] });
    const env = running.env(1);
    await expectTwin(use.bed, { files: sources(1), env, script: BOTH });
    expect(await use.bed.stats()).toMatchObject({ remoteCompiles: 1, broughtHome: 0, hits: 2 });
    signalProcess(running.workers[0]?.pid, 'SIGSTOP');
    layFiles(use.bed.work, sources(2));
    const ended = await runScript(use.bed, BOTH, 'cached', { env, timeoutMs: 30_000 });
    expect(ended.stdout.toString()).toBe('0\n0\n');
    expect(await use.bed.stats()).toMatchObject({ remoteCompiles: 1, broughtHome: 1, overtaken: 0, local: 4, hits: 2 });
    expect(await runningTasks(running)).toBe(1);
    signalProcess(running.workers[0]?.pid, 'SIGCONT');
    await untilIdle(running);
    // What came home was stored: nothing is compiled again.
    await runScript(use.bed, BOTH, 'cached', { env });
    expect(await use.bed.stats()).toMatchObject({ hits: 4, local: 4 });
    await expectTwin(use.bed, { files: sources(2), env, script: BOTH });
  },
);

testWith(
  GRID_NEEDS,
  'what is done here and there at once: where the worker is first, its answer is delivered and the place here is free',
  async () => {
    const running = await use.start({ workers: 1, coordinatorFlags: ['--heartbeat=10m'] });
    const env = { ...running.env(1), HG_TEST_MARK: use.bed.root };
    await expectTwin(use.bed, { files: sources(1), env, script: BOTH });
    // Long enough to be caught at it.
    const body = Array.from({ length: 2_000 }, (_, i) => `int f${i}(int x) { return x * ${i} + f${i - 1}(x); }`);
    const slow = ['static int f_1(int x) { return x; }', ...body.map((line) => line.replace('f-1', 'f_1'))].join('\n');
    const long = { 'a.c': slow, 'b.c': `${slow}\nint b;\n` };
    signalProcess(running.workers[0]?.pid, 'SIGSTOP');
    layFiles(use.bed.work, long);
    const building = runScript(use.bed, BOTH, 'cached', { env, timeoutMs: 90_000 });
    const log = (): string => readFileSync(join(use.bed.cacheDir, 'agent.log'), 'latin1');
    // Where the machine has other work, a compile is late after five times what that made of the first ones.
    expect(await until(() => log().includes('"raced"'), 60_000)).toBe(true);
    const here = (): number | undefined =>
      processesWithEnv('HG_TEST_MARK', use.bed.root).find(({ name }) => name === 'cc1')?.pid;
    expect(await until(() => here() !== undefined)).toBe(true);
    signalProcess(here(), 'SIGSTOP');
    signalProcess(running.workers[0]?.pid, 'SIGCONT');
    expect((await building).stdout.toString()).toBe('0\n0\n');
    expect(await use.bed.stats()).toMatchObject({ remoteCompiles: 2, broughtHome: 0, overtaken: 1, local: 4 });
    await untilIdle(running);
    await runScript(use.bed, BOTH, 'cached', { env });
    expect(await use.bed.stats()).toMatchObject({ hits: 4 });
    await expectTwin(use.bed, { files: long, env, script: BOTH });
  },
);

testWith(GRID_NEEDS, 'places here follow the load of this machine', async () => {
  const running = await use.start({ workers: 1 });
  const processors = availableParallelism();
  // One more than there are processors: somebody waits all the time.
  const busy = Array.from({ length: processors + 1 }, () => spawn('sh', ['-c', 'while :; do :; done']));
  try {
    const env = { ...running.env(1), HG_LOCAL_SLOTS: 'auto' };
    let fewest = processors;
    const compiled = untilTrue(async () => {
      layFiles(use.bed.work, { 'a.c': `int a = ${performance.now()};\n` });
      expect((await runScript(use.bed, 'gcc -c a.c', 'cached', { env })).status).toBe(0);
      fewest = Math.min(fewest, (await agentNow()).localAuto);
      return fewest < processors || processors === 1;
    });
    expect(await compiled).toBe(true);
    expect(fewest).toBeGreaterThanOrEqual(1);
  } finally {
    for (const child of busy) child.kill('SIGKILL');
  }
});

async function agentNow(): Promise<{ readonly localAuto: number }> {
  const told = await runOk([HGBUILD, 'agent', 'status', '--json'], { env: { ...use.bed.env } });
  return JSON.parse(told.stdout.toString());
}

async function untilTrue(check: () => Promise<boolean>, timeoutMs = 30_000): Promise<boolean> {
  const end = performance.now() + timeoutMs;
  while (performance.now() < end) if (await check()) return true;
  return false;
}
