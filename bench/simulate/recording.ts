/** Durations of real compiles, and as many more like them as a simulation needs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** bench/simulate/durations.json, made by record.ts. */
export interface Recording {
  /** The day, as 2026-01-31. */
  readonly recorded: string;
  /** The first line of `gcc --version`. */
  readonly compiler: string;
  readonly processor: string;
  readonly projects: readonly {
    readonly project: string;
    /** CPU time of one compile by source file, in milliseconds. */
    readonly cpuMs: Readonly<Record<string, number>>;
  }[];
}

export function readRecording(): Recording {
  return JSON.parse(readFileSync(join(import.meta.dirname, 'durations.json'), 'utf8')) as Recording;
}

/** Every file of the recording with its duration, all projects mixed. */
export function recordedFiles({ projects }: Recording): { readonly name: string; readonly cpuMs: number }[] {
  return projects.flatMap(({ project, cpuMs }) =>
    Object.entries(cpuMs).map(([file, ms]) => ({ name: `${project}: ${file}`, cpuMs: ms })),
  );
}
