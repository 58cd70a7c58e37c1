import { readlinkSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runningProcesses, signalProcess } from '../../test/bed/processes.ts';
import { root, testWith } from '../../test/bed/tools.ts';
import { namespaceSandbox, type Sandbox, type SandboxOutcome } from './sandbox.ts';
import type { BoundFile, SandboxPlan } from './sandbox-plan.ts';
import { EMPTY, newSandbox, nsrun, program, sandboxes, temporaryDirectory } from './testing/bed.ts';

const NEVER = new AbortController().signal;

/** Tells every path with its kind, its mode and what it holds; then the number of its own process. */
const LISTS = program(`
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
static void list(const char *at) {
  DIR *d = opendir(at);
  for (struct dirent *e; d && (e = readdir(d));) {
    char path[4096], text[64] = "";
    struct stat st;
    if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
    snprintf(path, sizeof path, "%s/%s", strcmp(at, "/") ? at : "", e->d_name);
    if (!strncmp(path, "/proc", 5) || !strncmp(path, "/dev", 4) || !strcmp(path, "/program")) continue;
    lstat(path, &st);
    if (S_ISLNK(st.st_mode)) readlink(path, text, 63);
    if (S_ISREG(st.st_mode)) read(open(path, O_RDONLY), text, 63);
    printf("%s %o %s\\n", path, S_ISLNK(st.st_mode) ? 0 : st.st_mode, text);
    if (S_ISDIR(st.st_mode)) list(path);
  }
}
int main(void) { list("/"); printf("pid %d\\n", getpid()); return 0; }
`);

const PROGRAM: BoundFile = { source: LISTS, path: '/program', version: '' };

function lister(plan: Partial<SandboxPlan> = {}): SandboxPlan {
  return { ...EMPTY, home: 'here', argv: ['/program'], ...plan, files: [PROGRAM, ...(plan.files ?? [])] };
}

function doer(text: string, plan: Partial<SandboxPlan> = {}): SandboxPlan {
  const made: BoundFile = { source: program(text), path: '/program', version: '' };
  return { ...EMPTY, home: 'here', argv: ['/program'], ...plan, files: [made, ...(plan.files ?? [])] };
}

interface Seen {
  readonly lines: readonly string[];
  readonly pid: number;
}

async function see(sandbox: Sandbox, plan: SandboxPlan): Promise<Seen> {
  const lines = said(await sandbox.run(plan, NEVER))
    .trim()
    .split('\n');
  return { lines: lines.slice(0, -1).sort(), pid: Number(lines.at(-1)?.slice(4)) };
}

function said(outcome: SandboxOutcome): string {
  if (outcome.kind !== 'ended') throw new Error(JSON.stringify(outcome));
  const text = outcome.stdout.toString('latin1') + outcome.stderr.toString('latin1');
  outcome.release();
  return text;
}

function file(text: string): string {
  const path = join(temporaryDirectory(), 'file');
  writeFileSync(path, text);
  return path;
}

const [A, B] = [file('a'), file('b')];
const NAMES = ['x', 'y', 'z'];
const paths = fc.array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 3 }).map((names) => `/${names.join('/')}`);
const things = fc.dictionary(
  paths,
  fc.constantFrom('file a', 'file b', 'link', 'other link', 'directory', 'writable'),
  { maxKeys: 8 },
);

/** A plan with those of the things that can be at once: nothing lies below a file or a link. */
function planOf(wanted: Record<string, string>): SandboxPlan {
  const kept = Object.entries(wanted).filter(
    ([path, what]) =>
      what === 'directory' || what === 'writable' || !Object.keys(wanted).some((other) => other.startsWith(`${path}/`)),
  );
  const named = (what: string): string[] => kept.flatMap(([path, kind]) => (kind === what ? [path] : []));
  return lister({
    files: [
      ...named('file a').map((path) => ({ path, source: A, version: '' })),
      ...named('file b').map((path) => ({ path, source: B, version: '' })),
    ],
    links: [
      ...named('link').map((path) => ({ path, target: 'x/y' })),
      ...named('other link').map((path) => ({ path, target: '/z' })),
    ],
    directories: named('directory'),
    writable: named('writable'),
  });
}

testWith([sandboxes, root], 'a root changed from plan to plan is as one made anew', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(things, { minLength: 2, maxLength: 6 }), async (turns) => {
      const used = newSandbox();
      const pids: number[] = [];
      for (const wanted of turns) {
        const [seen, anew] = [await see(used, planOf(wanted)), await see(newSandbox(), planOf(wanted))];
        expect(seen.lines).toEqual(anew.lines);
        pids.push(seen.pid);
      }
      // It was one root: its processes are numbered on.
      expect(pids).toEqual([...pids].sort((a, b) => a - b));
      expect(new Set(pids).size).toBe(pids.length);
      await used.close();
    }),
    { numRuns: 12 },
  );
});

const LEAVES = `
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
static void tells(const char *what, int result) { printf("%s %s\\n", what, result < 0 ? strerror(errno) : "done"); }
int main(void) {
  tells("file", open("/w/sub2", O_CREAT | O_WRONLY, 0666));
  tells("temporary", mkdir("/tmp/a", 0)), mkdir("/tmp/b", 0700), mkdir("/tmp/b/c", 0700), symlink("/w", "/tmp/b/c/l");
  tells("unlink", unlink("/w/h.h"));
  tells("rename", rename("/w/h.h", "/w/i.h"));
  tells("over", rename("/w/sub2", "/w/h.h"));
  tells("directory", rename("/w/sub", "/w/other"));
  tells("symlink", unlink("/w/link"));
  tells("rmdir", rmdir("/w/empty"));
  tells("hard", linkat(AT_FDCWD, "/w/link", AT_FDCWD, "/w/hard", 0));
  tells("inside", open("/w/sub/new", O_CREAT | O_WRONLY, 0666));
  tells("chmod", chmod("/w", 0755));
  tells("root", open("/new", O_CREAT | O_WRONLY, 0666));
  tells("user", unshare(CLONE_NEWUSER));
  tells("clone", syscall(SYS_clone, CLONE_NEWUSER | 17, 0, 0, 0, 0));
  tells("bind", mount("/tmp", "/w", 0, MS_BIND, 0));
  tells("memory", shmget(7, 4096, IPC_CREAT | 0666));
  tells("key", syscall(SYS_add_key, "user", "left", "x", 1, -4));
  if (fork() == 0) for (setsid();;) open("/w/late", O_CREAT | O_WRONLY, 0666), open("/tmp/late", O_CREAT | O_WRONLY, 0666);
  return 0;
}
`;

testWith([sandboxes, root], 'nothing that a program does is there for the next one', async () => {
  const sandbox = newSandbox();
  const tree = {
    files: [
      { path: '/w/h.h', source: A, version: '' },
      { path: '/w/sub/h.h', source: B, version: '' },
    ],
    links: [{ path: '/w/link', target: 'h.h' }],
    directories: ['/w/empty'],
    writable: ['/w'],
  };
  const before = await see(sandbox, lister(tree));
  const lines = said(await sandbox.run(doer(LEAVES, tree), NEVER))
    .trim()
    .split('\n');
  const tried = Object.fromEntries(lines.map((line) => line.split(/ (.*)/).slice(0, 2)));
  expect(tried).toMatchObject({ file: 'done', temporary: 'done' });
  for (const what of ['unlink', 'rename', 'over', 'directory', 'symlink', 'rmdir', 'inside', 'chmod', 'root'])
    expect(tried[what], what).toMatch(/busy|not permitted|denied/);
  for (const what of ['user', 'clone', 'bind', 'memory', 'key']) expect(tried[what]).toBe('Operation not permitted');
  const after = await see(sandbox, lister(tree));
  expect(after.lines).toEqual(before.lines);
  expect(after.pid).toBeGreaterThan(before.pid);
});

testWith([sandboxes, root], 'directories too deep to be removed cost the root, not the next program', async () => {
  const sandbox = newSandbox();
  const text =
    '#include <sys/stat.h>\n#include <unistd.h>\nint main(void) { for (int i = 0; i < 5000; i++) mkdir("d", 0700), chdir("d"); }';
  const before = await see(sandbox, lister({ writable: ['/w'] }));
  said(await sandbox.run(doer(text, { writable: ['/w'], cwd: '/w' }), NEVER));
  expect((await see(sandbox, lister({ writable: ['/w'] }))).lines).toEqual(before.lines);
});

testWith([sandboxes, root], 'a file replaced under its name is shown anew, if its version says so', async () => {
  const sandbox = newSandbox();
  const path = file('old');
  const showing = (version: string) => lister({ files: [{ path: '/h', source: path, version }] });
  expect((await see(sandbox, showing('1'))).lines).toContain('/h 100644 old');
  writeFileSync(`${path}.new`, 'new');
  renameSync(`${path}.new`, path);
  expect((await see(sandbox, showing('2'))).lines).toContain('/h 100644 new');
});

testWith([sandboxes, root], 'other homes are other roots; and one whose helper was killed is made anew', async () => {
  const sandbox = newSandbox();
  const [first, other, again] = [
    await see(sandbox, lister()),
    await see(sandbox, { ...lister(), home: 'there' }),
    await see(sandbox, lister()),
  ];
  expect(other.pid).toBe(first.pid);
  expect(again.pid).toBeGreaterThan(first.pid);
  const children = helpersOf(nsrun());
  expect(children.length).toBeGreaterThan(0);
  for (const pid of children) signalProcess(pid, 'SIGKILL');
  expect((await see(sandbox, lister())).pid).toBe(first.pid);
});

function helpersOf(path: string): number[] {
  return runningProcesses().flatMap(({ pid }) => {
    try {
      return readlinkSync(`/proc/${pid}/exe`) === path ? [pid] : [];
    } catch {
      return []; // It has gone, or is the kernel's.
    }
  });
}

test('a directory that cannot be made is said, and nothing is started', async () => {
  const sandbox = namespaceSandbox({ nsrun: nsrun(), mountPoint: temporaryDirectory(), directory: '/no/such' });
  await expect(sandbox.run(EMPTY, NEVER)).rejects.toThrow('ENOENT');
});
