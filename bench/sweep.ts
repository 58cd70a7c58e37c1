/** Ends and removes whatever a section left behind, however it ended: only what it started itself. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { listenersBelow, processesWithEnv, signalProcess, until } from '../test/bed/processes.ts';

/** A variable that every process of a section carries on. */
export const MARK = 'HYBRIDGRID_BENCH';

/** A section that runs or ran. */
export interface Remains {
  readonly pid: number;
  /** The value of {@link MARK} in its environment. */
  readonly mark: string;
  /** Its directory for temporary files, where everything it makes lies. */
  readonly directory: string;
}

/** Control groups and network namespaces carry the section's process id in their names. */
const nameOf = ({ pid }: Remains): string => `hg${pid}-`;

const GROUP_ROOTS = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'];

const entriesOf = (directory: string, prefix: string): string[] =>
  existsSync(directory) ? readdirSync(directory).filter((name) => name.startsWith(prefix)) : [];

const groupsOf = (remains: Remains): string[] =>
  GROUP_ROOTS.flatMap((root) => entriesOf(root, nameOf(remains)).map((name) => join(root, name)));

function processesOf(remains: Remains): number[] {
  const inGroups = groupsOf(remains).flatMap((group) =>
    readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').map(Number).filter(Boolean),
  );
  const others = [...processesWithEnv(MARK, remains.mark), ...listenersBelow(remains.directory)];
  return [...new Set([...inGroups, ...others.map(({ pid }) => pid)])];
}

const PATIENCE_MS = 10_000;

/** What had to be ended, in words; empty after a section that cleaned up behind itself. */
export async function sweep(remains: Remains): Promise<readonly string[]> {
  const found: string[] = [];
  const gone = (): boolean => {
    const left = processesOf(remains);
    if (left.length > 0) found.push(`processes ${left.join(', ')}`);
    for (const pid of left) signalProcess(pid, 'SIGKILL');
    return left.length === 0;
  };
  if (!(await until(gone, PATIENCE_MS))) found.push('some of them do not end');
  for (const group of groupsOf(remains)) {
    found.push(`control group ${group}`);
    await until(() => removed(group), PATIENCE_MS);
  }
  for (const name of entriesOf('/run/netns', nameOf(remains))) {
    found.push(`network namespace ${name}`);
    spawnSync('ip', ['netns', 'del', name], { timeout: PATIENCE_MS });
  }
  return [...found, ...removeDirectory(remains), ...mendDevNull()];
}

function removed(group: string): boolean {
  try {
    rmdirSync(group);
    return true;
  } catch {
    return !existsSync(group);
  }
}

/** Where something is mounted it stays: what is removed below a mount may be somebody's files. */
function removeDirectory({ directory }: Remains): readonly string[] {
  if (readFileSync('/proc/self/mounts', 'utf8').includes(` ${directory}/`)) return [`mounts below ${directory}`];
  rmSync(directory, { recursive: true, force: true });
  return [];
}

/** Some caches, as root, put a file in the place of an output that was a device. */
export function mendDevNull(path = '/dev/null'): readonly string[] {
  if (existsSync(path) && statSync(path).isCharacterDevice()) return [];
  if (existsSync(path)) unlinkSync(path);
  spawnSync('mknod', ['-m', '666', path, 'c', '1', '3'], { timeout: PATIENCE_MS });
  return [`${path} was no device any more and was made again`];
}
