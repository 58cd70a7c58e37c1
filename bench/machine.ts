/** Where figures come from: the machine, and the version of every program that took part. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly system: string;
}

/** Name of a program to the first line of what it says of itself; absent if it is not installed. */
export type Versions = Readonly<Record<string, string>>;

const ROOT = join(import.meta.dirname, '..');

function systemName(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
  } catch {
    return 'Linux';
  }
}

export function thisMachine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    system: systemName(),
  };
}

const firstLine = (argv: readonly string[]): string | undefined => {
  const { status, stdout } = spawnSync(argv[0] as string, argv.slice(1), {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: 20_000,
  });
  return status === 0 ? stdout.trim().split('\n')[0]?.trim() : undefined;
};

/** Of everything that a row runs or is compiled by. */
const PROGRAMS = ['gcc', 'g++', 'make', 'ccache', 'sccache', 'distcc', 'icecc', 'hyperfine', 'python3'];

export function versionsHere(): Versions {
  const found: Record<string, string> = { node: process.version };
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  const commit = firstLine(['git', 'describe', '--always', '--dirty', '--abbrev=12']);
  found.hybridgrid = commit === undefined ? version : `${version} (${commit})`;
  for (const name of PROGRAMS) {
    const line = firstLine([name, '--version']);
    if (line !== undefined) found[name] = line;
  }
  return found;
}
