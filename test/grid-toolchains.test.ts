/** Workers that have no compiler, or another one, and clients that bring theirs. */
import { realpathSync } from 'node:fs';
import { expect } from 'vitest';
import type { Grid } from './bed/grid.ts';
import { GRID_NEEDS, useGridBed } from './bed/grid-bed.ts';
import { buildTree, expectRight } from './bed/grid-builds.ts';
import { readPage } from './bed/grid-view.ts';
import { findTool, root, testWith, tool } from './bed/tools.ts';

const use = useGridBed();

const SOURCES = {
  'a.c': '#include <stdio.h>\nint f(void) { return puts("x"); }\n',
  'b.c': '#include <stdlib.h>\n#include <math.h>\ndouble g(double x) { return sqrt(x) + abs((int)x); }\n',
  'c.cc': '#include <vector>\n#include <string>\nstd::vector<std::string> h() { return {"a", "b"}; }\n',
};

/** Words that start a program where these files are no programs and these directories are empty. */
function hiding(files: readonly string[], directories: readonly string[]): string[] {
  const hide = [
    ...files.map((path) => `mount --bind /bin/false ${path}`),
    ...directories.map((path) => `mount -t tmpfs none ${path}`),
  ];
  return ['unshare', '-m', 'sh', '-ec', `${hide.join('\n')}\nexec "$@"`, 'sh'];
}

/** A machine on which gcc was never installed. */
function withoutGcc(): string[] {
  const programs = ['gcc', 'g++', 'as'].map((name) => realpathSync(findTool(name) as string));
  return hiding([...new Set(programs)], ['/usr/lib/gcc']);
}

/** Bytes of blobs that came to the coordinator. */
async function receivedBytes(grid: Grid): Promise<number> {
  const metrics = await readPage(grid, '/metrics');
  return Number(/^[a-z]*_?blob_bytes_total\{direction="in"\} (\S+)/m.exec(metrics)?.[1]);
}

testWith([...GRID_NEEDS, root], 'a worker without gcc gets it from the client, once', async () => {
  use.lay(SOURCES, 'gcc -O2 -g -c a.c && gcc -O2 -c b.c && g++ -O1 -g -c c.cc');
  const plain = await buildTree(use.bed, ['make']);
  const running = await use.start({ workers: 0 });
  await running.addWorker(1, { prefix: withoutGcc() });
  const ours = await buildTree(use.bed, ['make'], running.env(0));
  await expectRight(use.bed, plain, ours, 'no compiler there');
  expect(ours.remote, ours.stderr + ours.log).toBe(3);
  const before = await receivedBytes(running);
  // Driver and cc1 of C and of C++: some 60 MB, and less as it travels.
  expect(before).toBeGreaterThan(4e6);
  const again = await buildTree(use.bed, ['make'], { ...running.env(0), HG_RECACHE: '1' });
  await expectRight(use.bed, plain, again, 'again');
  expect(again.remote, again.stderr + again.log).toBe(3);
  expect((await receivedBytes(running)) - before).toBeLessThan(1e5);
});

testWith([...GRID_NEEDS, root, tool('clang')], 'and clang as well', async () => {
  use.lay(SOURCES, 'clang -O2 -g -c a.c && clang -O2 -c b.c && clang++ -O1 -g -c c.cc');
  const plain = await buildTree(use.bed, ['make']);
  const running = await use.start({ workers: 0 });
  const clang = realpathSync(findTool('clang') as string);
  await running.addWorker(2, { prefix: hiding([clang], []) });
  const ours = await buildTree(use.bed, ['make'], running.env(0));
  await expectRight(use.bed, plain, ours, 'no clang there');
  expect(ours.remote, ours.stderr + ours.log).toBe(3);
});

testWith([...GRID_NEEDS, root], 'who takes no foreign compilers is not given any, and the build is right', async () => {
  use.lay(SOURCES, 'gcc -O2 -g -c a.c && gcc -O2 -c b.c');
  const plain = await buildTree(use.bed, ['make']);
  const running = await use.start({ workers: 0, workerFlags: ['--own-toolchains'] });
  await running.addWorker(1, { prefix: withoutGcc() });
  const ours = await buildTree(use.bed, ['make'], running.env(0));
  await expectRight(use.bed, plain, ours, 'at home');
  expect(ours.remote).toBe(0);
  await running.addWorker(1);
  const again = await buildTree(use.bed, ['make'], { ...running.env(0), HG_RECACHE: '1' });
  await expectRight(use.bed, plain, again, 'on the worker that has gcc');
  expect(again.remote, again.stderr + again.log).toBe(2);
});
