import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { nothingIntercepted } from './hint.ts';

const directory = mkdtempSync(join(tmpdir(), 'hg-hint-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
for (const [name, launcher] of [
  ['with', 'CMAKE_C_COMPILER_LAUNCHER:STRING=/opt/hg/build/hg-launcher'],
  ['by-name', 'CMAKE_CXX_COMPILER_LAUNCHER:UNINITIALIZED=hgbuild'],
  ['without', 'CMAKE_C_COMPILER:FILEPATH=/usr/bin/cc'],
  ['other', 'CMAKE_C_COMPILER_LAUNCHER:STRING=ccache'],
] as const) {
  mkdirSync(join(directory, name));
  writeFileSync(join(directory, name, 'CMakeCache.txt'), `# cache\nX:BOOL=ON\n${launcher}\n`);
}

const CONFIGURE = /configure it with `hgbuild cmake/;
const ABSOLUTE = /calls its compiler by an absolute path \(then/;

test.each<[string, readonly string[], RegExp | undefined]>([
  ['ninja', ['-C', 'without'], CONFIGURE],
  ['ninja', ['-Cwithout'], CONFIGURE],
  ['make', ['-j8', '-C', 'other'], CONFIGURE],
  ['cmake', ['--build', 'without'], CONFIGURE],
  ['cmake', ['--build', join(directory, 'without')], CONFIGURE],
  ['ninja', ['-C', 'with'], undefined],
  ['cmake', ['--build', 'by-name'], undefined],
  ['cmake', ['-S', '.', '-B', 'new'], undefined],
  ['make', [], ABSOLUTE],
  ['/usr/bin/ninja', ['-C', 'missing'], ABSOLUTE],
])('%s %j', (command, args, hint) => {
  const said = nothingIntercepted(command, args, directory);
  if (hint === undefined) expect(said).toBeUndefined();
  else expect(said).toMatch(hint);
});
