/** Other users, sudo, mount namespaces, full disks, broken blobs: the right result each time. */
import { chmodSync, chownSync, cpSync, globSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Bed, LAUNCHER, makeBed } from './bed/environment.ts';
import { listenersBelow, signalProcess } from './bed/processes.ts';
import { mounts, root, testWith, tool } from './bed/tools.ts';
import { expectTwin, runScript } from './bed/twin.ts';

let bed: Bed;
beforeEach(() => {
  bed = makeBed();
});
afterEach(() => bed.remove());

const files = { 'a.c': '#include "a.h"\nint f(int x) { return x + A; }\n', 'a.h': '#define A 1\n' };
const NOBODY = 65534;

describe('another user', () => {
  testWith([root, tool('setpriv')], 'compiles cold and warm with a cache of their own', async () => {
    openToAll();
    const as = `setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups env HOME='${bed.root}/theirs'`;
    const env = { HG_CACHE_DIR: join(bed.root, 'theirs/cache'), HG_RUNTIME_DIR: join(bed.root, 'theirs/run') };
    mkdirSync(join(bed.root, 'theirs/run'), { recursive: true, mode: 0o700 });
    for (const place of ['theirs', 'theirs/run']) chownSync(join(bed.root, place), NOBODY, NOBODY);
    // A directory that changed within the last milliseconds proves nothing yet.
    const script = `chown ${NOBODY} . && sleep 0.02 && ${as} gcc -MD -c a.c; echo $?`;
    try {
      await expectTwin(bed, { files, env, script, ...(installationIsReadable() ? { hits: 1 } : {}) });
    } finally {
      for (const { pid } of listenersBelow(env.HG_RUNTIME_DIR)) signalProcess(pid, 'SIGKILL');
    }
  });

  testWith([root, tool('setpriv')], "in root's directories: uncached, and nothing of root's is touched", async () => {
    openToAll();
    await expectTwin(bed, { files, script: 'gcc -c a.c', hits: 1 });
    const as = `setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups`;
    await expectTwin(bed, { files, script: `chown ${NOBODY} . && ${as} gcc -c a.c; echo $?`, hits: 0 });
    const strangers = globSync(`${bed.cacheDir}/**`, { withFileTypes: true }).length;
    expect(strangers).toBeGreaterThan(0);
    const foreign = await runScript(bed, `find '${bed.cacheDir}' '${bed.runtimeDir}' -uid ${NOBODY}`, 'plain');
    expect(foreign.stdout.toString()).toBe('');
  });

  testWith([root, tool('sudo')], 'sudo with HOME kept leaves nothing in that home', async () => {
    openToAll();
    chownSync(bed.home, NOBODY, NOBODY);
    const env = { HG_CACHE_DIR: undefined, XDG_CACHE_HOME: undefined };
    const script = 'sudo -n --preserve-env=PATH,HOME,HG_RUNTIME_DIR env "PATH=$PATH" "HOME=$HOME" gcc -c a.c; echo $?';
    await expectTwin(bed, { files, env, script });
    const left = await runScript(bed, `find '${bed.home}' -uid 0`, 'plain');
    expect(left.stdout.toString()).toBe('');
  });
});

/** Lets another user reach the bed: the directories above it, and what is in it. */
function openToAll(): void {
  chmodSync(bed.root, 0o755);
  chmodSync(bed.work, 0o777);
}

/** Whether the programs themselves lie where everybody may read them (not below /root). */
function installationIsReadable(): boolean {
  return !LAUNCHER.startsWith('/root/');
}

describe('another mount namespace', () => {
  testWith([root, mounts], 'shares nothing with the agent outside, and compiles what it sees', async () => {
    await expectTwin(bed, { files, script: 'gcc -c a.c', hits: 1 });
    // Inside, the header is another one, at the same path and with the same times and inode to the outside.
    const other = { ...files, 'other.h': '#define A 2\n' };
    const inside = "unshare -m sh -c 'mount --bind other.h a.h && gcc -c a.c; echo $?'";
    await expectTwin(bed, { files: other, script: inside });
    await expectTwin(bed, { files: other, script: 'gcc -c a.c', hits: 1 });
  });

  testWith([root, mounts], 'a read-only file system everywhere but where the object goes', async () => {
    const inside = `unshare -m sh -c 'mount -t tmpfs none /mnt && mount --bind "${bed.root}" "${bed.root}" && mount -o remount,ro,bind "${bed.root}" && gcc -c a.c -o /mnt/a.o; echo $?; cmp /mnt/a.o want.o; echo $?'`;
    await expectTwin(bed, { files, script: `sleep 0.02; gcc -c a.c -o want.o; ${inside}` });
  });
});

describe('a full disk', () => {
  testWith([root, mounts], 'for the cache: compiled, not stored', async () => {
    mkdirSync(join(bed.root, 'full'));
    const setup = `mount -t tmpfs -o size=64k none "${bed.root}/full" && mkdir -m 700 "${bed.root}/full/run"`;
    const fill = `head -c 1000000 /dev/zero > "${bed.root}/full/fill" 2>/dev/null`;
    const env = { HG_CACHE_DIR: `${bed.root}/full/cache`, HG_RUNTIME_DIR: `${bed.root}/full/run` };
    const inside = `unshare -m sh -c '${setup}; ${fill}; gcc -c a.c && gcc -c a.c -o b.o; echo $?'`;
    try {
      await expectTwin(bed, { files, env, script: inside });
    } finally {
      for (const { pid } of listenersBelow(env.HG_RUNTIME_DIR)) signalProcess(pid, 'SIGKILL');
    }
  });

  testWith(
    [root, mounts],
    'for the object: the message and status of the compiler, no half object taken for whole',
    async () => {
      mkdirSync(join(bed.root, 'full'));
      const big = { 'a.c': `char a[] = "${'x'.repeat(300_000)}";\n` };
      const mount = `mount -t tmpfs -o size=64k none "${bed.root}/full"`;
      const inside = `unshare -m sh -c '${mount}; gcc -c a.c -o "${bed.root}/full/a.o"; echo $?; ls -s "${bed.root}/full" | wc -l'`;
      await expectTwin(bed, { files: big, script: `sleep 0.02; gcc -c a.c; ${inside}` });
    },
  );
});

describe('a broken cache', () => {
  const corrupt = (change: (path: string) => void): number => {
    const paths = globSync(`${bed.cacheDir}/**/*`, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => !/agent\.log|\.lock$|stats/.test(path));
    for (const path of paths) change(path);
    return paths.length;
  };
  const changes: Record<string, (path: string) => void> = {
    'one byte flipped in every file': (path) => {
      const bytes = readFileSync(path);
      if (bytes.length === 0) return;
      const at = Math.floor(bytes.length / 2);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      writeFileSync(path, bytes);
    },
    'every file cut in half': (path) => truncateSync(path, Math.floor(readFileSync(path).length / 2)),
    'every file empty': (path) => truncateSync(path, 0),
    'every file full of zeros': (path) => writeFileSync(path, Buffer.alloc(readFileSync(path).length)),
  };
  for (const [what, change] of Object.entries(changes)) {
    test(`${what}: a miss, the right object, and a hit again afterwards`, async () => {
      const script = 'gcc -g -MD -c a.c';
      await expectTwin(bed, { files, script, hits: 1 });
      await bed.flush();
      for (const agent of ['keeps running', 'is started anew'] as const) {
        if (agent === 'is started anew') for (const pid of bed.agents()) signalProcess(pid, 'SIGKILL');
        expect(corrupt(change)).toBeGreaterThan(1);
        await expectTwin(bed, { files, script, hits: 1 });
      }
    });
  }

  test('another cache put in its place', async () => {
    await expectTwin(bed, { files, script: 'gcc -c a.c', hits: 1 });
    const before = join(bed.root, 'before');
    cpSync(bed.cacheDir, before, { recursive: true });
    await expectTwin(bed, { files: { ...files, 'a.h': '#define A 3\n' }, script: 'gcc -c a.c', hits: 1 });
    cpSync(before, bed.cacheDir, { recursive: true, force: true });
    await expectTwin(bed, { files: { ...files, 'a.h': '#define A 3\n' }, script: 'gcc -c a.c' });
  });
});
