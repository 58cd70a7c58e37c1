/** Objective-C and Objective-C++: the same caching, with other frontends and #import. */
import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect } from 'vitest';
import { type Bed, makeBed } from './bed/environment.ts';
import { type Grid, startGrid } from './bed/grid.ts';
import { mounts, type Need, need, root, testWith, tool } from './bed/tools.ts';
import { expectTwin, layFiles, runScript } from './bed/twin.ts';

let bed: Bed;
let grid: Grid | undefined;
beforeEach(() => {
  bed = makeBed();
});
afterEach(async () => {
  await grid?.end();
  grid = undefined;
  await bed.remove();
});

/** gcc's compiler for Objective-C is a package of its own; COMPILER_PATH may lead to it as well. */
const GCC: Need = need(() => {
  const { status } = spawnSync('gcc', ['-x', 'objective-c', '-fsyntax-only', '/dev/null']);
  return status === 0 ? undefined : 'gcc has no compiler for Objective-C here';
});

const header = (method: string) => `@interface A { int v; }\n-(int)${method};\n@end\n`;
const source = '#import "a.h"\n#import <b.h>\n#import "a.h"\nint f(A *a) { return [a x] + b; }\n';
const files = { 'src/a.h': header('x'), 'inc/b.h': 'enum { b = 3 };\n', 'src/a.m': source, 'src/a.mm': source };

describe.each([
  ['gcc', [GCC]],
  ['clang', [tool('clang')]],
] as const)('%s', (compiler, needs) => {
  for (const [name, options] of [
    ['a.m', '-g -MD'],
    ['a.mm', '-O2'],
    ['a.m', '-x objective-c++ -Wall -MMD -o q.o'],
    ['a.m', '-fobjc-exceptions -S'],
  ] as const)
    testWith(needs, `${name} ${options}`, async () => {
      const stage = options.includes('-S') ? '' : '-c';
      const script = `${compiler} ${stage} -Iinc ${options} src/${name}`;
      await expectTwin(bed, { files, script, hits: 1 });
      // A header that changes, one that appears before another, and one that becomes the same as another.
      const states = [
        { 'inc/b.h': 'enum { b = 4 };\n' },
        { 'src/b.h': 'enum { b = 5 };\n' },
        { 'src/inc/b.h': '' },
        { 'src/a.h': `${header('x')}// changed\n` },
        { 'src/a.h': header('y') },
      ];
      for (const state of states) await expectTwin(bed, { files: { ...files, ...state }, script });
      await expectTwin(bed, { files, script, hits: 1 });
    });

  // A worker gets the compiler's own files: one that a variable leads to stays at home.
  const inPlace = need(() => (process.env.COMPILER_PATH === undefined ? undefined : 'COMPILER_PATH is set'));
  testWith([...needs, inPlace, root, mounts], 'on a worker', async () => {
    grid = await startGrid(bed, { workers: 1 });
    for (const name of ['a.m', 'a.mm'])
      await expectTwin(bed, { files, env: grid.env(0), script: `${compiler} -g -MD -Iinc -c src/${name}; echo $?` });
    expect(await bed.stats()).toMatchObject({ remoteCompiles: 2 });
  });

  testWith(needs, 'imported headers of equal bytes are no matter of chance', async () => {
    const doubled = {
      ...files,
      'inc/a.h': header('x'),
      'src/a.m': source.replace('#import "a.h"\nint', '#import <a.h>\nint'),
    };
    await expectTwin(bed, { files: doubled, script: `${compiler} -c -Iinc src/a.m || true` });
    layFiles(bed.work, doubled);
    await runScript(bed, `${compiler} -c -Iinc src/a.m`, 'cached');
    expect((await bed.stats()).hits).toBe(0);
  });
});
