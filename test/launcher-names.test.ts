/** Names are bytes: whatever the shell can pass to the compiler, the launcher passes on. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Bed, makeBed } from './bed/environment.ts';
import { expectTwin } from './bed/twin.ts';

let bed: Bed;
beforeEach(() => {
  bed = makeBed();
});
afterEach(() => bed.remove());

const files = { 'a.c': '#include "a.h"\nint f(int x) { return x + A; }\n', 'a.h': '#define A 1\n' };
const HARD_NAMES = [
  ['spaces', "'a b  c'"],
  ['a newline', "$'a\\nb'"],
  ['quotes and a backslash', "$'a\"b\\\\c\\'d'"],
  ['bytes that are no UTF-8', "$'a\\xff\\xfeb'"],
  ['UTF-8', "'äöü-日本'"],
  ['a tab and a dollar', "$'a\\t$b'"],
  ['make and shell marks', "'a#b%c*d;e&f|g<h>i'"],
  ['a leading dash', "'./-c'"],
] as const;

for (const [what, name] of HARD_NAMES) {
  test(`a directory named with ${what}`, async () => {
    const script = `mkdir ${name} && cp a.c a.h ${name} && cd ${name} && sleep 0.02 && gcc -MD -c a.c && gcc -g -c a.c -o b.o`;
    const seen = await expectTwin(bed, { files, script, hits: 2 });
    expect(seen.status).toBe(0);
  });

  test(`a source, header, output and depfile named with ${what}`, async () => {
    const script = `n=${name}; cp a.h "$n.h"; { printf '#include "%s.h"\\n' "\${n#./}"; echo 'int f(void) { return A; }'; } > "$n.c"
      gcc -MD -MF "$n.dep" -Wp,-DX -c "$n.c" -o "$n.o"; echo $?`;
    await expectTwin(bed, { files, script });
  });

  test(`an argument and an environment variable holding ${what}`, async () => {
    const script = `v=${name}; mkdir -p "inc$v"; CPATH="inc$v" gcc "-DV=$v" -I"inc$v" -c a.c; LC_MESSAGES=${name} gcc -c a.c`;
    await expectTwin(bed, { files, script });
  });
}

test('10,000 arguments', async () => {
  const script = `gcc $(for ((i = 0; i < 10000; i++)); do echo "-DM$i"; done) -c a.c`;
  const seen = await expectTwin(bed, { files, script, hits: 1 });
  expect(seen.status).toBe(0);
});

test('as many arguments as the compiler can take at all', async () => {
  // The driver passes all options to cc1 in one variable of at most 128 KiB: one byte more and plain gcc fails too.
  const bisect = `lo=1000 hi=140000; while [ $((hi - lo)) -gt 1 ]; do n=$(((lo + hi) / 2));
    if /usr/bin/gcc "-DA=$(printf "%0\${n}d" 0)" -S -o most.s a.c 2>/dev/null; then lo=$n; else hi=$n; fi; done; rm -f most.s`;
  const script = `${bisect}; gcc "-DA=$(printf "%0\${lo}d" 0)" -S -o a.s a.c`;
  const seen = await expectTwin(bed, { files: { 'a.c': 'int a;\n' }, script });
  expect(seen.status).toBe(0);
});

test('one argument of 100,000 bytes', async () => {
  await expectTwin(bed, { files, script: 'gcc "-DM=$(printf "%0100000d" 1)" -c a.c', hits: 1 });
});

test('response files: plain, nested, quoted, missing, changed in between', async () => {
  const response = { ...files, args: '-DA2=1 @more\n\'-DS="a b"\' -Iinc\\ dir\n', more: '-O2\n' };
  await expectTwin(bed, { files: response, script: 'gcc @args -c a.c', hits: 1 });
  await expectTwin(bed, { files, script: 'gcc @missing -c a.c; echo $?' });
  const changed = { 'a.c': 'int a = V;\n' };
  await expectTwin(bed, {
    files: changed,
    script: 'echo -DV=1 > r; gcc @r -c a.c; cp a.o 1.o; echo -DV=2 > r; gcc @r -c a.c',
  });
});

test('an empty argument', async () => {
  await expectTwin(bed, { files, script: "gcc '' -c a.c; echo $?" });
});

test('a deleted working directory', async () => {
  const script =
    'w=$PWD; mkdir gone; cd gone; rmdir ../gone; gcc -c "$w/a.c" -o "$w/x.o"; echo $?; gcc -c a.c; echo $?';
  await expectTwin(bed, { files, script });
});

test('a working directory reached through a symlink', async () => {
  const script =
    'mkdir real; cp a.c a.h real; ln -s real link; cd link; gcc -g -c a.c; cd ../real; gcc -g -c a.c -o b.o; cd ..; PWD=/nowhere gcc -g -c a.c';
  await expectTwin(bed, { files, script });
});

test('a path longer than PATH_MAX', async () => {
  const deep = 'd=$(printf "%0200d" 0); for ((i = 0; i < 25; i++)); do mkdir $d && cd $d || exit; done';
  const script = `w=$PWD; ${deep}; echo "int x;" > a.c; gcc -c a.c; echo $?; ls -l a.o | wc -c; cd "$w"; rm -rf 0*`;
  await expectTwin(bed, { files: {}, script });
});
