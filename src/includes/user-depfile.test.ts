import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { chance, randomTree } from './testing/random-tree.ts';
import { diskView, family, filesRead, inputFor, run, type Setting, searchListOf } from './testing/real-compiler.ts';
import { type Entry, inTree } from './testing/tree.ts';
import { userDepfile } from './user-depfile.ts';
import { walk } from './walk.ts';

const SCALE = Number(process.env.HG_FUZZ ?? 1);
const SEED = Number(process.env.HG_SEED ?? 1);

/** What we derive from -MD, and what -MMD writes. Undefined if the source does not compile. */
function both(setting: Setting, source: string, options: readonly string[]) {
  const write = (kind: '-MD' | '-MMD'): string | undefined => {
    const depfile = join(setting.cwd, 'out.d');
    const { status } = run(setting, ['-E', kind, ...options, '-MF', depfile, source]);
    return status === 0 ? readFileSync(depfile, 'latin1') : undefined;
  };
  const text = write('-MD');
  const truth = filesRead(setting, source);
  if (text === undefined || truth === undefined) return undefined;
  const search = searchListOf(setting);
  const { origins, problem } = walk({ ...inputFor(setting, source, search, diskView()), truth, origins: true });
  if (problem !== undefined || origins === undefined) return { derived: undefined, real: write('-MMD') };
  return { derived: userDepfile({ text, family: family(setting), cwd: setting.cwd, origins }), real: write('-MMD') };
}

const COMPILERS = [
  ['gcc', 'c'],
  ['clang++', 'c++'],
] as const;

const PROJECT: Record<string, Entry> = {
  'src/t.c': '#include <stdio.h>\n#include "server.h"\n#include <lua.h>\n#include "../deps/a name/$x#y.h"\n',
  'src/server.h':
    '#include "fmacros.h"\n#include <stdlib.h>\n#include <limits.h>\n#include "sds.h"\n#include <vendor.h>\n',
  'src/fmacros.h': '#define F\n',
  'src/sds.h': '#include <sys/types.h>\n#include <stdint.h>\n',
  'deps/lua/lua.h': '#include "luaconf.h"\n',
  'deps/lua/luaconf.h': '#include <limits.h>\n',
  'deps/a name/$x#y.h': '#include <a_header_with_a_rather_long_name_to_make_lines_break_somewhere.h>\n',
  'deps/lua/a_header_with_a_rather_long_name_to_make_lines_break_somewhere.h': '',
  'vendor/vendor.h': '#include "inner.h"\n',
  'vendor/inner.h': '',
};

test.each(COMPILERS)('%s: a project as they are', (compiler, language) => {
  inTree(PROJECT, (cwd) => {
    const setting: Setting = { compiler, language, cwd, args: ['-Ideps/lua', '-isystem', 'vendor'] };
    for (const options of [[], ['-MP'], ['-MT', 'one two', '-MQ', 'a $b', '-MP'], ['-MT', 'x'.repeat(80)]]) {
      const result = both(setting, 'src/t.c', options);
      expect(result?.derived).toBeDefined();
      expect(result?.derived).toBe(result?.real);
    }
  });
});

test.each(COMPILERS)('%s: random trees, always right or not derived', (compiler, language) => {
  const count = { derived: 0, refused: 0 };
  const trees = 10 * SCALE;
  for (let seed = SEED; count.derived + count.refused < trees && seed < SEED + 60 * trees; seed++) {
    const tree = randomTree(seed);
    inTree(tree.entries, (cwd) => {
      const setting: Setting = { compiler, language, cwd, args: tree.args, forcedIncludes: tree.forcedIncludes };
      const target = 'object/'.repeat(chance(seed).below(12));
      const result = both(setting, tree.source, ['-MT', `${target}t.o`, ...(seed % 2 === 0 ? ['-MP'] : [])]);
      if (result === undefined) return;
      if (result.derived === undefined) count.refused++;
      else {
        count.derived++;
        expect(result.derived, `seed ${seed}: ${tree.args.join(' ')}`).toBe(result.real);
      }
    });
  }
  expect(count.derived).toBeGreaterThan(trees / 5);
});

test.each(COMPILERS)('%s: what may be either is not decided', (compiler, language) => {
  const trees: Record<string, Entry>[] = [
    // A user directory's header that a system header includes, too.
    { 't.c': '#include <sys.h>\n#include <own.h>\n', 's/sys.h': '#include <own.h>\n', 'u/own.h': '' },
    // The pragma makes what is behind it system headers, if it is in force.
    { 't.c': '#include <own.h>\n', 'u/own.h': '#pragma GCC system_header\n#include "deep.h"\n', 'u/deep.h': '' },
    { 't.c': '#include <own.h>\n', 'u/own.h': '# 1 "x.h" 1 3\n#include "deep.h"\n', 'u/deep.h': '', 's/x': '' },
  ];
  for (const tree of trees)
    inTree({ 's/z': '', ...tree }, (cwd) => {
      const setting: Setting = { compiler, language, cwd, args: ['-Iu', '-isystem', 's'] };
      const result = both(setting, 't.c', []);
      expect(result).toMatchObject({ derived: undefined });
      expect(result?.real).toContain('t.c');
    });
});

test('a text laid out in another way is not touched', () => {
  const origins = new Map([['/w/t.c', 'user' as const]]);
  const derive = (text: string) => userDepfile({ text, family: 'gcc', cwd: '/w', origins });
  expect(derive('t.o: t.c\n')).toBe('t.o: t.c\n');
  for (const text of ['t.o:  t.c\n', 't.o: t.c', '', 't.o: t.c unknown.h\n', 't.o: t.c \\\n\n', 't.o: t.c a\\b.h\n'])
    expect(derive(text), text).toBeUndefined();
});
