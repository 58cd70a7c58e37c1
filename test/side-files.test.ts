/** Files a compile reads and writes beside source, headers and object: they decide hits, too. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Bed, makeBed } from './bed/environment.ts';
import { testWith, tool } from './bed/tools.ts';
import { expectTwin, layFiles, runScript } from './bed/twin.ts';

let bed: Bed;
beforeEach(() => {
  bed = makeBed();
});
afterEach(() => bed.remove());

const files = { 'a.c': 'int f(int *p) { return p[1]; }\n' };

test('split debug information comes back, and another objcopy is another compiler', async () => {
  await expectTwin(bed, { files, script: 'gcc -g -gsplit-dwarf -c a.c', hits: 1 });
  // A program of our own stands before the real one in PATH: a compile through it is none that was seen.
  const before =
    'mkdir -p tools; cp "$(command -v objcopy)" tools/objcopy; printf x >> tools/objcopy; PATH=$PWD/tools:$PATH';
  layFiles(bed.work, files);
  const ended = await runScript(bed, `${before}; gcc -g -gsplit-dwarf -c a.c`, 'cached', { env: { HG_VERBOSE: '1' } });
  expect(ended.stderr.toString()).toContain('[local] a.c');
});

testWith([tool('clang')], 'sanitizer lists named in a depfile are inputs, not headers', async () => {
  const list = { ...files, 'ignore.txt': 'fun:g\n' };
  const script = 'clang -fsanitize=address -fsanitize-ignorelist=ignore.txt -MD -c a.c';
  await expectTwin(bed, { files: list, script, hits: 1 });
  await expectTwin(bed, { files: { ...list, 'ignore.txt': 'fun:f\n' }, script, hits: 1 });
});
