/** gcc takes a precompiled header for the header beside it, and tells nobody: what is in it decides the object. */
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Bed, makeBed } from './bed/environment.ts';
import { expectTwin, layFiles, runScript } from './bed/twin.ts';

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
