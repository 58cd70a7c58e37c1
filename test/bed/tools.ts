/** What the machine has, and how a test says what it lacks. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type TestContext, test } from 'vitest';

/** The first executable of that name in PATH. */
export function findTool(name: string): string | undefined {
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // Not here.
    }
  }
  return undefined;
}

/** Something a test cannot do without. `missing` is the reason for the skip, or `undefined` when it is there. */
export interface Need {
  readonly missing: () => string | undefined;
}

/** A program in PATH. */
export function tool(name: string): Need {
  return { missing: () => (findTool(name) === undefined ? `no ${name} on this machine` : undefined) };
}

/** Root rights, without which users and mounts cannot be changed. */
export const root: Need = { missing: () => (process.getuid?.() === 0 ? undefined : 'only root can do this') };

/** A mount namespace of one's own, which containers often forbid even to root. */
export const mounts: Need = {
  missing: () => {
    if (findTool('unshare') === undefined) return 'no unshare on this machine';
    const works = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;
    return works ? undefined : 'mount namespaces are not allowed here';
  },
};

/** A need from any check of one's own. */
export function need(missing: () => string | undefined): Need {
  return { missing };
}

/** A test that is skipped by name, with its reason, where the machine lacks something. */
export function testWith(
  needs: readonly Need[],
  name: string,
  run: (context: TestContext) => void | Promise<void>,
  timeoutMs = 120_000,
): void {
  test(name, { timeout: timeoutMs }, async (context) => {
    for (const { missing } of needs) {
      const reason = missing();
      if (reason !== undefined) context.skip(reason);
    }
    await run(context);
  });
}
