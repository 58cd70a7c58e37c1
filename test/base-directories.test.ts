/** Two checkouts share results below a base directory, exactly where the plain compiler writes the same bytes. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Bed, LAUNCHER, makeBed } from './bed/environment.ts';
import { run } from './bed/run.ts';

let bed: Bed;
beforeEach(() => {
  bed = makeBed({ HG_VERBOSE: '1' });
});
afterEach(() => bed.remove());

/** Lays the same tree into `<work>/<name>`, in which nothing is younger than a second when it is compiled. */
async function checkouts(...names: string[]): Promise<string[]> {
  const roots = names.map((name) => join(bed.work, name));
  for (const root of roots) {
    mkdirSync(join(root, 'src/inc'), { recursive: true });
    writeFileSync(
      join(root, 'src/inc/a.h'),
      '#define A 1\nstatic inline const char *where(void) { return __FILE__; }\n',
    );
    writeFileSync(join(root, 'src/a.c'), '#include "a.h"\nint f(void) { return A + where()[0]; }\n');
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
  return roots;
}

async function compile(root: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const cwd = join(root, 'src');
  const plain = await run(['gcc', ...args, '-o', 'plain.o'], { cwd, env: bed.env });
  expect(plain.status).toBe(0);
  const ours = await run([LAUNCHER, 'gcc', ...args, '-o', 'a.o'], {
    cwd,
    env: { ...bed.env, HG_BASE_DIRS: root, ...env },
  });
  expect(ours.status).toBe(0);
  await bed.flush();
  const same = readFileSync(join(cwd, 'a.o')).equals(readFileSync(join(cwd, 'plain.o')));
  return { same, verdict: /^\[(\w+)/m.exec(ours.stderr.toString())?.[1] };
}

async function compileInBoth(args: (root: string) => readonly string[], env: NodeJS.ProcessEnv = {}) {
  const [one = '', two = ''] = await checkouts('one', 'two/deeper');
  const first = await compile(one, args(one), env);
  const second = await compile(two, args(two), env);
  expect([first.same, second.same]).toEqual([true, true]);
  expect(first.verdict).toBe('local');
  return second.verdict;
}

test('relative paths and no debug information: shared', async () => {
  expect(await compileInBoth(() => ['-O2', '-Iinc', '-c', 'a.c'])).toBe('hit');
});

test('without base directories nothing is shared', async () => {
  expect(await compileInBoth(() => ['-O2', '-Iinc', '-c', 'a.c'], { HG_BASE_DIRS: '' })).toBe('local');
});

test('-g writes the directory into the object: not shared', async () => {
  expect(await compileInBoth(() => ['-g', '-Iinc', '-c', 'a.c'])).toBe('local');
});

test('-g with a prefix map that takes the directory out: shared', async () => {
  const args = (root: string) => ['-g', `-fdebug-prefix-map=${root}=.`, '-Iinc', '-c', 'a.c'];
  expect(await compileInBoth(args)).toBe('hit');
});

test.each([
  ['-ffile-prefix-map', '-fmacro-prefix-map'],
  ['-fdebug-prefix-map', '-ffile-prefix-map'],
])('-g and __FILE__ with %s and %s: shared', async (one, other) => {
  const args = (root: string) => ['-g', `${one}=${root}=.`, `${other}=${root}=/src`, '-Iinc', '-c', 'a.c'];
  expect(await compileInBoth(args)).toBe('hit');
  // What a header says of its own place, by a name that is absolute, is mapped; yet nothing is shared.
  expect(await compileInBoth((root) => [...args(root), `-I${root}/src/inc`])).toBe('local');
});

test('the directory spelled in an option, in __FILE__ or compressed away: not shared', async () => {
  expect(await compileInBoth((root) => ['-O2', `-I${root}/src/inc`, '-c', 'a.c'])).toBe('local');
  const gz = (root: string) => ['-g', '-gz', `-fdebug-prefix-map=${root}=.`, '-Iinc', '-c', 'a.c'];
  expect(await compileInBoth(gz)).toBe('local');
});

test('another header in the other checkout is another result', async () => {
  const [one = '', two = ''] = await checkouts('one', 'two');
  writeFileSync(join(two, 'src/inc/a.h'), '#define A 2\nstatic inline const char *where(void) { return "x"; }\n');
  await new Promise((resolve) => setTimeout(resolve, 50));
  const args = ['-O2', '-Iinc', '-c', 'a.c'];
  expect(await compile(one, args)).toEqual({ same: true, verdict: 'local' });
  expect(await compile(two, args)).toEqual({ same: true, verdict: 'local' });
  // A header that shadows it in the second checkout only.
  const [three = ''] = await checkouts('three');
  symlinkSync('inc/a.h', join(three, 'src/a.h'));
  expect((await compile(three, args)).same).toBe(true);
});
