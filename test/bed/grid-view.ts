/** The grid as its users see it: the list of workers, the coordinator's pages, the memory of its process. */
import { readFileSync } from 'node:fs';
import { type Bed, HGBUILD } from './environment.ts';
import type { Grid } from './grid.ts';
import { runOk } from './run.ts';

export interface ListedWorker {
  readonly id: string;
  readonly state: string;
  readonly latencyMs: number;
  readonly completedTasks: number;
  readonly failedTasks: number;
}

/** `hgbuild workers --json`. */
export async function listWorkers(bed: Bed, grid: Grid): Promise<ListedWorker[]> {
  const { stdout } = await runOk([HGBUILD, 'workers', '--json'], { env: { ...bed.env, ...grid.env(0) } });
  return (JSON.parse(stdout.toString()) as { workers: ListedWorker[] }).workers;
}

/** A page of the coordinator, with the grid's token. */
export async function readPage(grid: Grid, path: string): Promise<string> {
  const authorization = `Bearer ${readFileSync(grid.tokenFile, 'utf8').trim()}`;
  const answer = await fetch(`http://127.0.0.1:${grid.httpPort}${path}`, { headers: { authorization } });
  if (answer.status !== 200) throw new Error(`${path}: status ${answer.status}`);
  return await answer.text();
}

/** The most memory that a process has had resident so far, in bytes. */
export function peakMemory(pid: number): number {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  if (kilobytes === undefined) throw new Error(`process ${pid} is not there`);
  return Number(kilobytes) * 1024;
}
