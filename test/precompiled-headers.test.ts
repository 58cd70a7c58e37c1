/** gcc takes a precompiled header for the header beside it, and tells nobody: what is in it decides the object. */
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Bed, makeBed } from './bed/environment.ts';
import { expectTwin, layFiles, runScript, type Seen } from './bed/twin.ts';

let bed: Bed;
beforeEach(() => {
  bed = makeBed();
});
afterEach(() => bed.remove());

const files = {
  'inc/x.h': '#include <stddef.h>\n#include "y.h"\nextern size_t x;\n',
  'inc/y.h': '#pragma once\n#undef Y\n#define Y 4\n',
  'inc/z.h': '#define Z 1\n',
  'first/keep': '',
  'u.c': '#include "x.h"\n#include "z.h"\n#include "y.h"\nint u[] = { Y, Z, sizeof(x) };\n',
  'w.c': '#include "x.h"\nint w = Y;\n',
  'v.c': '#include "z.h"\nint v[] = { Y, Z };\n',
};

const PRECOMPILE = 'gcc -g -x c-header inc/x.h -o inc/x.h.gch';

/** Every state of the files, with the precompiled header made before by hand or not there, in turn. */
async function expectStates(compile: string): Promise<void> {
  const header = { 'inc/y.h': '#pragma once\n#undef Y\n#define Y 5\n' };
  const gch = await madeBy(PRECOMPILE);
  const changed = await madeBy(PRECOMPILE, header);
  const states: Record<string, string | Buffer>[] = [
    {},
    { 'inc/x.h.gch': gch },
    { ...header, 'inc/x.h.gch': changed },
    { ...header, 'inc/x.h.gch': gch },
    header,
    { 'inc/x.h.gch': 'no precompiled header' },
    { 'inc/x.h.gch': gch, 'first/x.h': '#define Y 6\nextern char x;\n' },
    { 'inc/x.h.gch': gch, 'inc/z.h': '#define Z 2\n' },
  ];
  for (const state of [...states, ...states])
    await expectTwin(bed, { files: { ...files, ...state }, script: compile, hits: 1 });
}

async function madeBy(script: string, changes: Record<string, string> = {}): Promise<Buffer> {
  layFiles(bed.work, { ...files, ...changes });
  const { status, stdout } = await runScript(bed, `${script} && cat inc/x.h.gch`, 'plain');
  expect(status).toBe(0);
  return stdout;
}

test.each([
  'gcc -g -c u.c -Ifirst -Iinc',
  'gcc -g -c u.c -Ifirst -Iinc -MD -Winvalid-pch',
  'gcc -g -c v.c -Iinc -include $PWD/inc/x.h -MMD -Winvalid-pch',
  'gcc -g -c v.c -Iinc -include inc/x.h',
  'gcc -g -c v.c -Ifirst -Iinc -include x.h -fpch-deps -MD',
])('%s: a precompiled header comes, changes, is stale and goes', { timeout: 300_000 }, expectStates);

test('a precompiled header that was used and is gone leaves no result', async () => {
  const compile = 'gcc -g -c w.c -Iinc';
  layFiles(bed.work, files);
  await runScript(bed, `${PRECOMPILE} && echo '#define Y 5' > inc/y.h && mkdir away`, 'plain');
  await runScript(bed, `${compile} && mv inc/x.h.gch away`, 'cached');
  await bed.flush();
  const inBed = (name: string): string => join(bed.work, name);
  const { stdout: plain } = await runScript(bed, `${compile} && sha256sum w.o`, 'plain');
  const { stdout: cached } = await runScript(bed, `${compile} && sha256sum w.o`, 'cached');
  expect(cached.toString()).toBe(plain.toString());
  expect(plain.toString()).toContain('w.o');
  // The same the other way: what lies there now was not there.
  rmSync(inBed('w.o'), { force: true });
  mkdirSync(inBed('back'));
  renameSync(inBed('away/x.h.gch'), inBed('back/x.h.gch'));
  await runScript(bed, `${compile} && mv back/x.h.gch inc`, 'cached');
  await bed.flush();
  const { stdout: again } = await runScript(bed, `${compile} && sha256sum w.o`, 'plain');
  const { stdout: found } = await runScript(bed, `${compile} && sha256sum w.o`, 'cached');
  expect(found.toString()).toBe(again.toString());
});

/** No two runs of gcc write the same one: what is made with it is compared, and that it is there. */
const withoutHeaders = (seen: Seen): Seen => ({
  ...seen,
  tree: new Map(
    [...seen.tree].map(([path, file]) => [path, path.endsWith('.gch') ? file.replace(/ size .*/, '') : file]),
  ),
});

const CMAKE =
  '-x c++-header -include $PWD/b/m.hxx -MD -MT b/m.hxx.gch -MF b/m.hxx.gch.d -o b/m.hxx.gch -c $PWD/b/m.hxx.cxx';
const USES = 'g++ -g -O2 -I$PWD -Winvalid-pch -include $PWD/b/m.hxx -MD -c';
const SAYS = 'g++ -g -O2 -I$PWD -Winvalid-pch -include $PWD/b/m.hxx -H -fsyntax-only one.cc 2>&1 | grep -a gch';
const cmakeFiles = {
  'b/m.hxx': '#pragma GCC system_header\n#include <vector>\n#include "inc/y.h"\n',
  'b/m.hxx.cxx': '/* generated */\n',
  'inc/y.h': '#pragma once\n#define Y 4\n',
  'one.cc': '#include "inc/y.h"\nint one = Y; std::vector<int> all;\n',
  'two.cc': 'int two(const std::vector<int>& of) { return of[Y]; }\n',
};

test('made the way CMake does: a clean build takes all of it from the cache, and a header inside makes all anew', async () => {
  const script = `g++ -g -O2 -I$PWD -Winvalid-pch ${CMAKE} && ${USES} one.cc && ${USES} two.cc && ${SAYS}`;
  const options = { script, adjust: withoutHeaders };
  const seen = await expectTwin(bed, { ...options, files: cmakeFiles, hits: 3 });
  expect(seen.stdout).toMatch(/^! .*m\.hxx\.gch$/m);
  const edited = { ...cmakeFiles, 'inc/y.h': '#pragma once\n#define Y 5\n' };
  await expectTwin(bed, { ...options, files: edited, hits: 3 });
  await expectTwin(bed, { ...options, files: cmakeFiles, hits: 3 });
});

test.each([
  ['gcc -g inc/x.h', 'inc/x.h.gch'],
  ['gcc -g -c inc/x.h -MD', 'inc/x.h.gch'],
  ['gcc -g -x c-header inc/x.h -o inc/x.h.gch -MMD', 'inc/x.h.gch'],
  ['gcc -g inc/x.h -Wall -Wundef -include inc/z.h', 'inc/x.h.gch'],
  ['cd inc && gcc -g x.h -DQ=1 -I.. -march=native && cd ..', 'inc/x.h.gch'],
])('%s: made, delivered, and used as the plain one is', async (makes, gch) => {
  const uses = 'HG_DISABLE=1 gcc -g -c -Iinc -Winvalid-pch w.c -H';
  const script = `${makes}; echo $?; stat -c '%a %h' ${gch}; ${uses}; md5sum w.o`;
  await expectTwin(bed, { files, script, adjust: withoutHeaders, hits: 1 });
});

test('one that is delivered is used by processes with other addresses', async () => {
  const uses = 'gcc -g -c -Iinc -Winvalid-pch -Werror w.c';
  for (const prefix of ['', 'setarch -R '])
    for (const other of ['', 'setarch -R ']) {
      const script = `${prefix}gcc -g inc/x.h; for i in 1 2 3; do HG_DISABLE=1 ${other}${uses}; md5sum w.o; done`;
      await expectTwin(bed, { files, script, adjust: withoutHeaders, hits: 1 });
    }
});

test('what is in it depends on whether a depfile was asked for: each gets its own', async () => {
  const uses = 'gcc -g -c -Iinc -fpch-deps -MD w.c && cat w.d';
  for (const makes of ['gcc -g inc/x.h', 'gcc -g inc/x.h -MD -MF q.d', 'gcc -g inc/x.h -MMD -MF q.d', 'gcc -g inc/x.h'])
    await expectTwin(bed, { files, script: `${makes} && ${uses}`, adjust: withoutHeaders });
});

test('one that lies there is no input of the one that takes its place, and errors leave what gcc leaves', async () => {
  const before = { ...files, 'inc/x.h.gch': 'no precompiled header', 'inc/y.h.gch': 'nor this' };
  await expectTwin(bed, { files: before, script: 'gcc -g inc/x.h -Winvalid-pch', adjust: withoutHeaders, hits: 1 });
  const wrong = { ...before, 'inc/y.h': '#error no\n' };
  await expectTwin(bed, { files: wrong, script: 'gcc -g inc/x.h; echo $?; ls inc', adjust: withoutHeaders });
  const link = 'ln -s elsewhere.gch inc/x.h.gch; gcc -g inc/x.h; ls -l inc | cut -c1-10; ls inc';
  await expectTwin(bed, { files, script: link, adjust: withoutHeaders });
  const mode = 'touch inc/x.h.gch; chmod 640 inc/x.h.gch; gcc -g inc/x.h; stat -c %a inc/x.h.gch';
  await expectTwin(bed, { files, script: mode, adjust: withoutHeaders, hits: 1 });
});

test('an include of a macro that one may hold: kept where it was made of these headers here, and never where it is stale', async () => {
  const which = {
    'x.h': '#define WHICH "one.h"\n',
    'one.h': 'int one = 1;\n',
    'two.h': 'int two = 2;\n',
    't.c': '#include "x.h"\n#include WHICH\n',
  };
  const adjust = withoutHeaders;
  // What was written in the tick in which a compile begins may have been changed in it, for all its stamp tells.
  const compile = 'sleep .05 && gcc -g -c t.c && md5sum t.o';
  await expectTwin(bed, { files: which, script: `gcc -g x.h && ${compile}`, adjust, hits: 2 });
  const stale = `gcc -g x.h && sed -i s/one/two/ x.h && ${compile}`;
  await expectTwin(bed, { files: which, script: `${stale} && echo 'int one = 3;' > one.h && ${compile}`, adjust });
  await expectTwin(bed, { files: which, script: `${stale} && echo 'int two = 3;' > two.h && ${compile}`, adjust });
  await expectTwin(bed, { files: which, script: `${stale} && rm two.h && ${compile}`, adjust });
  await expectTwin(bed, {
    files: { ...which, 'x.h': '#define WHICH "two.h"\n' },
    script: `gcc -g x.h && ${compile}`,
    adjust,
  });
});
