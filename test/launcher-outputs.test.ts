/** Outputs are written as the compiler writes them, whatever lies at their place already. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Bed, makeBed } from './bed/environment.ts';
import { root, testWith, tool } from './bed/tools.ts';
import { expectTwin } from './bed/twin.ts';

let bed: Bed;
beforeEach(() => {
  bed = makeBed();
});
afterEach(() => bed.remove());

const files = { 'a.c': '#include "a.h"\nint f(int x) { return x + A; }\n', 'a.h': '#define A 1\n' };

test('an object that is a symlink', async () => {
  await expectTwin(bed, { files, script: 'echo old > real; ln -s real a.o; gcc -c a.c', hits: 1 });
  await expectTwin(bed, { files, script: 'ln -s nowhere/at/all a.o; gcc -c a.c; echo $?' });
});

test('an object that is a hard link keeps its twin unchanged', async () => {
  await expectTwin(bed, { files, script: 'echo old > twin; ln twin a.o; gcc -c a.c', hits: 1 });
});

test('an object with mode 0600, 0444, 0755', async () => {
  for (const mode of ['0600', '0444', '0755']) {
    await expectTwin(bed, { files, script: `echo old > a.o; chmod ${mode} a.o; gcc -c a.c`, hits: 1 });
  }
});

test('a depfile that is a symlink, a hard link, read-only', async () => {
  await expectTwin(bed, { files, script: 'echo old > real; ln -s real a.d; gcc -MD -c a.c', hits: 1 });
  await expectTwin(bed, { files, script: 'echo old > twin; ln twin a.d; gcc -MD -c a.c', hits: 1 });
  await expectTwin(bed, { files, script: 'echo old > a.d; chmod 0400 a.d; gcc -MD -c a.c', hits: 1 });
});

test('an output directory that does not exist, is a file, or is the output itself', async () => {
  await expectTwin(bed, { files, script: 'gcc -c a.c -o no/a.o; echo $?', hits: 0 });
  await expectTwin(bed, { files, script: 'gcc -c a.c -o a.h/a.o; echo $?', hits: 0 });
  await expectTwin(bed, { files, script: 'mkdir a.o; gcc -c a.c; echo $?', hits: 0 });
});

testWith([root, tool('setpriv')], 'a read-only directory, with a writable object in it and without', async () => {
  // Root may write anywhere, so another user compiles.
  const other = 'chmod 755 . ..; setpriv --reuid=65534 --regid=65534 --clear-groups';
  const env = { HG_CACHE_DIR: '/nonexistent', HG_RUNTIME_DIR: '/nonexistent' };
  await expectTwin(bed, { files, env, script: `mkdir d; ${other} gcc -c a.c -o d/a.o; echo $?` });
  await expectTwin(bed, {
    files,
    env,
    script: `mkdir d; echo old > d/a.o; chmod 666 d/a.o; ${other} gcc -c a.c -o d/a.o; echo $?`,
  });
});

test('a FIFO as output gets the bytes and stays a FIFO', async () => {
  await expectTwin(bed, { files, script: 'mkfifo a.o; cat a.o > got & gcc -c a.c; s=$?; wait; echo $s' });
  await expectTwin(bed, { files, script: 'mkfifo a.d; cat a.d > got & gcc -MD -c a.c; s=$?; wait; echo $s' });
});

testWith([root], 'a device as output stays a device', async () => {
  // A node of our own that is what /dev/null is: replacing the real one would break the machine.
  const script = 'mknod null c 1 3; gcc -c a.c -o null; echo $?; test -c null; echo $?';
  await expectTwin(bed, { files, script });
  await expectTwin(bed, { files, script: 'mknod null c 1 3; ln -s null link; gcc -c a.c -o link; echo $?' });
  await expectTwin(bed, { files, script: 'mknod null c 1 3; gcc -MD -MF null -c a.c; echo $?' });
});

test('an output that is also an input', async () => {
  await expectTwin(bed, { files: { 'a.c': 'int x;\n' }, script: 'gcc -c a.c -o a.c; echo $?' });
  await expectTwin(bed, { files, script: 'gcc -MD -MF a.h -c a.c; echo $?' });
  await expectTwin(bed, { files: { 'a.c': 'int x;\n' }, script: 'cp a.c b.c; gcc -x c -c b.c -MD -MF b.o; echo $?' });
});

test('two compiles of one source into two outputs', async () => {
  const script = 'gcc -c a.c -o 1.o; gcc -c a.c -o 2.o; mkdir d; gcc -MD -c a.c -o d/3.o; gcc -MD -MT x -MF y.d -c a.c';
  await expectTwin(bed, { files, script, hits: 4 });
});

test('every output of one compile comes back', async () => {
  const seen = await expectTwin(bed, {
    files,
    script: 'gcc -g -gsplit-dwarf -fstack-usage -MD -MP -O2 -c a.c',
    hits: 1,
  });
  expect([...seen.tree.keys()].sort()).toEqual(['a.c', 'a.d', 'a.dwo', 'a.h', 'a.o', 'a.su']);
});

test('a hit makes the object new, so that make does not compile again', async () => {
  const script = 'gcc -c a.c; touch -d "2001-01-01" a.o; gcc -c a.c; test a.o -nt a.c; echo $?';
  await expectTwin(bed, { files, script, hits: 2 });
});
