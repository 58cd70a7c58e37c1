/** Compiles that were sent away and are done at home after all: the last of a build, which everybody waits for. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { expect } from 'vitest';
import { HGBUILD } from './bed/environment.ts';
import type { Grid } from './bed/grid.ts';
import { GRID_NEEDS, useGridBed } from './bed/grid-bed.ts';
import { signalProcess, until } from './bed/processes.ts';
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
    const seen = await expectTwin(use.bed, { files: sources(2), env, script: BOTH, timeoutMs: 30_000 });
    expect(seen.stdout).toBe('0\n0\n');
    expect(await use.bed.stats()).toMatchObject({ remoteCompiles: 1, broughtHome: 1, local: 4, hits: 4 });
    expect(await runningTasks(running)).toBe(1);
    signalProcess(running.workers[0]?.pid, 'SIGCONT');
    await untilIdle(running);
    // What came home was stored: nothing is compiled again.
    await runScript(use.bed, BOTH, 'cached', { env });
    expect(await use.bed.stats()).toMatchObject({ hits: 6, local: 4 });
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
