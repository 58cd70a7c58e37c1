import { utimesSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { tidyPath } from './paths.ts';
import { diskView, filesRead, inputFor, type Setting, searchListOf, walkFor } from './testing/real-compiler.ts';
import { type Entry, inTree } from './testing/tree.ts';
import { type Walk, walk } from './walk.ts';

const BOTH = [
  ['gcc', 'c'],
  ['g++', 'c++'],
  ['clang', 'c'],
  ['clang++', 'c++'],
] as const;

type Options = Pick<Setting, 'args' | 'forcedIncludes'> & { readonly source?: string; readonly view?: 'no identities' };

/** Walks `t.c` in a tree, and returns the walk with the tree's own paths made relative. */
function walked(
  [compiler, language]: readonly [Setting['compiler'], Setting['language']],
  tree: Record<string, Entry>,
  { source = 't.c', ...options }: Options = {},
): Walk {
  return inTree(tree, (cwd) => relative(walkFor({ compiler, language, cwd, ...options }, source), cwd));
}

function relative(result: Walk, root: string): Walk {
  const short = (path: string) => (path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path);
  const own = (paths: readonly string[]) => paths.filter((path) => path.startsWith(`${root}/`)).map(short);
  return {
    ...result,
    files: own(result.files),
    present: own(result.present),
    absent: own(result.absent),
    directories: own(result.directories),
    aliases: result.aliases.map(({ path, file }) => ({ path: short(path), file: short(file) })),
    hiding: own(result.hiding),
    once: own(result.once),
    ...(result.problem === undefined ? {} : { problem: { ...result.problem, detail: short(result.problem.detail) } }),
  };
}

describe.each(BOTH)('%s', (compiler, language) => {
  const tool = [compiler, language] as const;
  const gcc = compiler === 'gcc' || compiler === 'g++';
  const withGch = (...names: string[]) => (gcc ? names : names.filter((name) => !name.endsWith('.gch')));

  test('candidates before the header found are absent, those behind it are not asked for', () => {
    const result = walked(
      tool,
      { 't.c': '#include "h.h"\n', 'b/h.h': '', 'c/h.h': '', 'a/other.h': '' },
      { args: ['-Ia', '-Ib', '-Ic'] },
    );
    expect(result.problem).toBeUndefined();
    expect(result.files).toEqual(['t.c', 'b/h.h']);
    expect(new Set(result.absent)).toEqual(
      new Set(
        withGch(
          ...['t.c.gch', 'h.h', 'a/h.h', 'h.h.gch', 'a/h.h.gch', 'b/h.h.gch'],
          ...['a', 'b', 'c'].flatMap((dir) => [`${dir}/stdc-predef.h`, `${dir}/stdc-predef.h.gch`]),
        ).filter((name) => gcc || !name.includes('stdc-predef')),
      ),
    );
  });

  test('names below an absent directory are that directory', () => {
    const result = walked(
      tool,
      { 't.c': '#include <x/y/h.h>\n#include <x/g.h>\n', 'b/x/y/h.h': '', 'b/x/g.h': '', 'a/q': '' },
      { args: ['-Ia', '-Ib'] },
    );
    expect(result.absent.filter((path) => path.startsWith('a/x'))).toEqual(['a/x']);
  });

  test('a directory that bears the name of a header is passed over and must stay one', () => {
    const result = walked(
      tool,
      { 't.c': '#include <h.h>\n', 'a/h.h': { dir: true }, 'b/h.h': '' },
      { args: ['-Ia', '-Ib'] },
    );
    expect(result.files).toEqual(['t.c', 'b/h.h']);
    expect(result.directories).toEqual(['a/h.h']);
  });

  test('a missing search directory must stay missing', () => {
    expect(walked(tool, { 't.c': '' }, { args: ['-Inope/deeper'] }).absent).toContain('nope/deeper');
  });

  test('a branch not taken asks for nothing', () => {
    const result = walked(
      tool,
      { 't.c': '#if 0\n#include <nowhere.h>\n#include <b.h>\n#endif\n', 'a/q': '', 'b/b.h': '#include <c.h>\n' },
      { args: ['-Ia', '-Ib'] },
    );
    expect(result.files).toEqual(['t.c']);
    expect(result.absent.filter((path) => /nowhere|a\/b\.h$|c\.h$/.test(path))).toEqual([]);
  });

  test('__has_include counts wherever it stands, by either answer', () => {
    const result = walked(
      tool,
      {
        't.c': '#if 0\n#if __has_include(<yes.h>) && __has_include("no.h")\n#endif\n#endif\n#include "h.h"\n',
        'h.h': '#if __has_include("z/no.h")\n#endif\n#if __has_include("h.h")\n#endif\n',
        'a/q': '',
        'b/yes.h': '',
      },
      { args: ['-Ia', '-Ib'] },
    );
    expect([...result.files, ...result.present]).toContain('b/yes.h');
    expect(result.absent).toEqual(expect.arrayContaining(['no.h', 'a/no.h', 'b/no.h', 'z', 'a/z', 'b/z']));
    expect(result.absent).not.toContain('a/yes.h');
  });

  test('a header only tested for, which clang names and gcc does not', () => {
    const tree = { 't.c': '#if __has_include("h.h")\n#endif\n', 'h.h': '#include "none.h"\n' };
    inTree(tree, (cwd) => expect(filesRead({ compiler, language, cwd }, 't.c')?.has(`${cwd}/h.h`)).toBe(!gcc));
    const result = walked(tool, tree);
    expect(result).toMatchObject(gcc ? { files: ['t.c'], present: ['h.h'] } : { files: ['t.c', 'h.h'] });
    expect(result.problem).toBeUndefined();
  });

  test('include_next goes on behind the place where the includer was found', () => {
    const tree = {
      't.c': '#include <h.h>\n',
      'a/h.h': '#include_next <h.h>\n',
      'b/x.h': '',
      'c/h.h': '#if __has_include_next(<h.h>)\n#endif\n',
      'd/x.h': '',
    };
    const result = walked(tool, tree, { args: ['-Ia', '-Ib', '-Ic', '-Id'] });
    expect(result.problem).toBeUndefined();
    expect(result.files).toEqual(['t.c', 'a/h.h', 'c/h.h']);
    expect(result.absent).toEqual(expect.arrayContaining(['b/h.h', 'd/h.h']));
    expect(result.absent).not.toContain('h.h');
  });

  test('include_next in a header found beside its includer', () => {
    const tree = {
      't.c': '#include "s/h.h"\n',
      's/h.h': '#include "i.h"\n',
      's/i.h': '#include_next <i.h>\n',
      'a/i.h': '',
    };
    const result = walked(tool, tree, { args: ['-Ia'] });
    expect(result.problem).toBeUndefined();
    expect(result.files).toEqual(['t.c', 's/h.h', 's/i.h', 'a/i.h']);
  });

  test('include_next in the source is a plain include', () => {
    const result = walked(tool, { 't.c': '#include_next "h.h"\n', 'h.h': '' }, { args: ['-I.'] });
    expect(result.files).toEqual(['t.c', 'h.h']);
  });

  test('quote directories come first for "name" only', () => {
    const tree = { 't.c': '#include "h.h"\n#include <h.h>\n', 'q/h.h': '', 'a/h.h': '', 'q2/z': '' };
    const result = walked(tool, tree, { args: ['-iquote', 'q2', '-iquote', 'q', '-Ia'] });
    expect(result.files).toEqual(['t.c', 'q/h.h', 'a/h.h']);
    expect(result.absent).toContain('q2/h.h');
  });

  test('an absolute include', () => {
    inTree({ 'h.h': '#include "i.h"\n#include_next "j.h"\n', 'i.h': '', 'j.h': '' }, (cwd) => {
      inTree({ 't.c': `#include "${cwd}//./h.h"\n` }, (other) => {
        const result = walkFor({ compiler, language, cwd: other, args: [`-I${cwd}`] }, 't.c');
        expect(result.problem).toBeUndefined();
        const files = result.files.map(tidyPath);
        const predef = gcc ? ['/usr/include/stdc-predef.h'] : [];
        expect(files).toEqual([`${other}/t.c`, ...predef, `${cwd}/h.h`, `${cwd}/i.h`, `${cwd}/j.h`]);
      });
    });
  });

  test('`..` after a link to a directory leads out of its target', () => {
    const result = walked(
      tool,
      {
        't.c': '#include <h.h>\n#include "l/../k.h"\n',
        'real/in/q': '',
        'real/h.h': '#include "i.h"\n',
        'real/i.h': '',
        'real/k.h': '',
        l: { link: 'real/in' },
      },
      { args: ['-Il/..'] },
    );
    expect(result.problem).toBeUndefined();
    expect(result.files).toEqual(['t.c', 'l/../h.h', 'l/../i.h', 'l/../k.h']);
  });

  test('`.` and doubled slashes are the same directory', () => {
    const result = walked(
      tool,
      {
        './src/t.c': '#include "./h.h"\n#include "..//inc/./g.h"\n',
        'src/h.h': '',
        'inc/g.h': '#include "./././e.h"\n',
        'inc/e.h': '',
      },
      { args: ['-I.', '-I./inc//'], source: './src//t.c' },
    );
    expect(result.problem).toBeUndefined();
    expect(result.files).toHaveLength(4);
  });

  test('a forced include is looked for in the working directory, then like "name"', () => {
    const tree = { 'src/t.c': '', 'f.h': '#include "g.h"\n', 'g.h': '', 'src/f.h': '#error', 'a/m.h': '#define M\n' };
    const result = walked(tool, tree, {
      args: ['-Ia'],
      source: 'src/t.c',
      forcedIncludes: [
        { option: '-include', name: 'f.h' },
        { option: '-imacros', name: 'm.h' },
      ],
    });
    expect(result.problem).toBeUndefined();
    expect(result.files).toEqual(expect.arrayContaining(['src/t.c', 'f.h', 'g.h', 'a/m.h']));
    expect(result.absent).toContain('m.h');
    expect(result.absent).toContain('f.h.gch');
    if (!gcc) expect(result.absent).toContain('f.h.pch');
  });

  test('a precompiled header beside a candidate is refused', () => {
    const tree = { 't.c': '#include "h.h"\n', 'a/h.h.gch': 'x', 'b/h.h': '' };
    const result = walked(tool, tree, { args: ['-Ia', '-Ib'] });
    expect(result.problem?.reason).toBe(gcc ? 'precompiled-header-used' : undefined);
  });

  test('a directory of precompiled headers is refused', () => {
    const result = walked(tool, { 't.c': '#include "h.h"\n', 'h.h': '', 'h.h.gch/x': '' });
    expect(result.problem?.reason).toBe(gcc ? 'precompiled-header-used' : undefined);
  });

  test('one beside the header that is found is noted, whatever the way to the header', () => {
    const tree = {
      't.c': '#include "h.h"\n#include <b.h>\n',
      'h.h': '',
      'h.h.gch': 'x',
      'a/b.h': '',
      'a/b.h.gch': 'x',
    };
    const result = walked(tool, tree, { args: ['-Ia'] });
    expect(result.problem).toBeUndefined();
    const names = result.precompiled.map((path) => path.replace(/^\/tmp\/[^/]*\//, ''));
    expect(names).toEqual(gcc ? ['h.h.gch', 'a/b.h.gch'] : []);
  });

  test('files that include what a macro stands for are named', () => {
    const result = walked(
      tool,
      { 't.c': '#include "h.h"\n#include M\n', 'h.h': '#define M <m.h>', 'm.h': '', 'h.h.gch': 'x' },
      { args: ['-I.'] },
    );
    expect(result.computedIn.map((path) => path.replace(/.*\//, ''))).toEqual(['t.c']);
  });

  test.each([
    ['by a name of its own', ''],
    ['by an absolute name', '/'],
  ])('a precompiled header of a forced include, %s, counts', (_, prefix) => {
    const tree = { 't.c': '', 'f.h': '', 'f.h.gch': 'no precompiled header' };
    inTree(tree, (cwd) => {
      const name = prefix === '' ? 'f.h' : `${cwd}/f.h`;
      const setting: Setting = { compiler, language, cwd, forcedIncludes: [{ option: '-include', name }] };
      const result = walk(inputFor(setting, 't.c', searchListOf(setting), diskView()));
      expect(result.problem?.reason).toBe(gcc ? undefined : 'precompiled-header-used');
      expect(result.precompiled).toEqual(gcc ? [`${cwd}/f.h.gch`] : []);
    });
  });

  test('computed includes: every definition seen is a candidate', () => {
    const tree = {
      't.c':
        '#include "config.h"\n#include HEADER\n#if __has_include(MAYBE)\n#endif\n#ifdef NEVER\n#include NEVER\n#endif\n',
      'config.h':
        '#if 1\n#define HEADER <one.h>\n#else\n#define HEADER "two.h"\n#endif\n#define MAYBE OTHER\n#define OTHER "maybe.h"\n',
      'a/one.h': '#include LATER\n#define LATER_TOO "deep.h"\n#include LATER_TOO\n',
      'two.h': '',
      'a/late.h': '',
      'a/deep.h': '',
    };
    const result = walked(tool, tree, { args: ['-Ia', '-DLATER="late.h"'] });
    expect(result.problem).toBeUndefined();
    expect(result.files).toEqual(['t.c', 'config.h', 'a/one.h', 'a/deep.h', 'a/late.h']);
    expect(result.absent).toEqual(expect.arrayContaining(['maybe.h', 'a/maybe.h']));
  });

  test.each([
    ['function-like', '#define Q(x) <x.h>\n#define H Q(h)\n#include H\n'],
    ['called', '#define Q(x) <x.h>\n#include Q(h)\n'],
    ['stringised', '#define S_(x) #x\n#define S(x) S_(x)\n#define H S(h.h)\n#include H\n'],
    ['a word that is a macro within <>', '#define h i\n#define H <h.c>\n#include H\n'],
    ['a predefined macro within <>', '#define H <linux/h.h>\n#if __has_include(H)\n#endif\n'],
    ['__has_include in a macro', '#define HAS(x) __has_include(x)\n#if HAS(<h.h>)\n#endif\n'],
    ['__has_include of tokens', '#define HAS __has_include(<linux/h.h>)\n#if HAS\n#endif\n'],
    ['__FILE__', '#ifndef G\n#define G\n#include __FILE__\n#endif\n'],
    ['two literals', '#define H "h.h" ""\n#include H\n'],
  ])('a computed include that only a preprocessor understands is refused: %s', (_name, text) => {
    const result = walked(tool, { 't.c': text, 'h.h': '', 'i.c': '' }, { args: ['-I.', '-w'] });
    expect(result.problem?.reason).toBe('computed-include');
  });

  test('one file under two names', () => {
    const tree = {
      't.c': '#include "a/h.h"\n#include "l/h.h"\n#include "b/k.h"\n',
      'a/h.h': '#include "i.h"\n',
      'a/i.h': '',
      l: { link: 'a' },
      'b/k.h': { link: '../a/i.h' },
    } as const;
    const result = walked(tool, tree);
    expect(result.problem).toBeUndefined();
    const names = new Set([...result.files, ...result.aliases.map((alias) => alias.path)]);
    for (const path of ['t.c', 'a/h.h', 'a/i.h', 'l/h.h', 'b/k.h']) expect(names).toContain(path);
  });

  test('a system header behind a link', () => {
    const tree = {
      't.c': '#include <h.h>\n',
      'a/very/long/directory/name/h.h': { link: '../../../../../r/h.h' },
      'r/h.h': '#include "i.h"\n',
      'r/i.h': '',
      'a/very/long/directory/name/i.h': '',
    } as const;
    inTree(tree, (cwd) => {
      const dir = `${cwd}/a/very/long/directory/name`;
      const result = walkFor({ compiler, language, cwd, args: ['-isystem', dir] }, 't.c');
      expect(result.problem).toBeUndefined();
      const truth = filesRead({ compiler, language, cwd, args: ['-isystem', dir] }, 't.c');
      expect(truth?.has(`${cwd}/r/h.h`)).toBe(gcc);
      if (gcc) expect(result.aliases).toEqual([{ path: `${dir}/h.h`, file: `${cwd}/r/h.h` }]);
    });
  });

  test('equal files under #pragma once are refused', () => {
    const text = '#pragma once\nint x;\n';
    const tree = { 't.c': '#include "a/h.h"\n#include "b/h.h"\n', 'a/h.h': text, 'b/h.h': { hardLink: 'a/h.h' } };
    const result = walked(tool, tree);
    // gcc lists one of both names, so the other is an alias that must lead to the same file; clang lists both.
    if (gcc) expect(result.aliases).toEqual([{ path: 'b/h.h', file: 'a/h.h' }]);
    else expect(result.problem?.reason).toBe('identical-headers');
    const other = walked(tool, { ...tree, 'b/h.h': '#pragma once\nint y;\n' });
    expect(other).toMatchObject({ once: ['a/h.h', 'b/h.h'] });
    expect(other).not.toHaveProperty('problem');
  });

  test('equal files under #import are refused', () => {
    const tree = { 't.c': '#import "a/h.h"\n#import "b/h.h"\n', 'a/h.h': 'int x;', 'b/h.h': 'int x;' };
    expect(walked(tool, tree, { args: ['-w'] }).problem?.reason).toBe('identical-headers');
  });

  test('a file that hides a file read is named', () => {
    inTree({ 't.c': '#include "h.h"\n', 'b/h.h': '', 'a/z': '' }, (cwd) => {
      const setting: Setting = { compiler, language, cwd, args: ['-Ia', '-Ib'] };
      const truth = filesRead(setting, 't.c') as ReadonlySet<string>;
      // As if another process had created it while the compiler ran.
      const view = diskView();
      const late = {
        ...view,
        kindOf: (path: string) => (path === `${cwd}/a/h.h` ? ('file' as const) : view.kindOf(path)),
      };
      const input = { ...inputFor(setting, 't.c', searchListOf(setting), late), truth };
      expect(walk(input)).toMatchObject({ hiding: [`${cwd}/a/h.h`], problem: { reason: 'scan-incomplete' } });
    });
  });

  test("without the compiler's list: everything that can be reached", () => {
    const tree = {
      't.c': '#ifdef A\n#include "a.h"\n#else\n#include "b.h"\n#endif\n#ifdef C\n#include "none.h"\n#endif\n',
      'a.h': '#include "c.h"\n',
      'b.h': '',
      'c.h': '',
    };
    inTree(tree, (cwd) => {
      const result = relative(walkFor({ compiler, language, cwd }, 't.c', 'closure'), cwd);
      expect(result.files).toEqual(['t.c', 'a.h', 'c.h', 'b.h']);
      expect(result.absent).toContain('none.h');
    });
  });

  test.each([
    ['time-macro', '__DATE__'],
    ['time-macro', '__TIMESTAMP__'],
    ['incbin', '__asm__(".incbin \\"f\\"");'],
    ['embed', '#embed "f"'],
  ] as const)('refuses as %s: %s in a header', (reason, text) => {
    const result = walked(tool, { 't.c': '#include "h.h"\n', 'h.h': `#if 0\n${text}\n#endif\n` });
    expect(result.problem).toEqual({ kind: 'refused', reason, detail: 'h.h' });
  });

  test('every path is asked for once', () => {
    inTree({ 't.c': '#include <stdio.h>\n#include <stdlib.h>\n#include <limits.h>\n' }, (cwd) => {
      const setting: Setting = { compiler, language, cwd, args: ['-I.', '-I/usr/include/linux'] };
      const view = diskView();
      const truth = filesRead(setting, 't.c') as ReadonlySet<string>;
      expect(walk({ ...inputFor(setting, 't.c', searchListOf(setting), view), truth }).problem).toBeUndefined();
      expect([...view.asked].filter(([, times]) => times > 1)).toEqual([]);
    });
  });
});

test('gcc includes stdc-predef.h by itself, clang does not', () => {
  const read = (compiler: Setting['compiler'], language: Setting['language']) =>
    inTree({ 't.c': '' }, (cwd) => walkFor({ compiler, language, cwd }, 't.c'));
  for (const language of ['c', 'assembler-with-cpp'] as const) {
    expect(read('gcc', language).files).toContain('/usr/include/stdc-predef.h');
    expect(read('clang', language).files.some((path) => path.includes('stdc-predef'))).toBe(false);
  }
  expect(read('g++', 'c++').files).toContain('/usr/include/stdc-predef.h');
});

test('a stdc-predef.h of the user is found first, and -ffreestanding has none', () => {
  const own = walked(
    ['gcc', 'c'],
    { 't.c': '', 'a/stdc-predef.h': '#include "x.h"\n', 'a/x.h': '' },
    { args: ['-Ia'] },
  );
  expect(own.files).toEqual(['t.c', 'a/stdc-predef.h', 'a/x.h']);
  const none = walked(['gcc', 'c'], { 't.c': '', 'a/z': '' }, { args: ['-Ia', '-ffreestanding'] });
  expect(none).toMatchObject({ files: ['t.c'] });
  expect(none).not.toHaveProperty('problem');
  const nowhere = walked(['gcc', 'c'], { 't.c': '', 'a/z': '' }, { args: ['-Ia', '-nostdinc'] });
  expect(nowhere.absent).toContain('a/stdc-predef.h');
});

test('equal files under #pragma once that gcc does not even list are refused', () => {
  const text = '#pragma once\n';
  inTree({ 't.c': '#include "a/h.h"\n#include "b/k.h"\n', 'a/h.h': text, 'b/k.h': text }, (cwd) => {
    const setting: Setting = { compiler: 'gcc', language: 'c', cwd };
    for (const path of ['a/h.h', 'b/k.h']) utimesSync(`${cwd}/${path}`, 1_000_000, 1_000_000);
    expect(filesRead(setting, 't.c')?.has(`${cwd}/b/k.h`)).toBe(false);
    expect(walkFor(setting, 't.c').problem?.reason).toBe('identical-headers');
  });
});

test('gcc passes in silence over a missing include that was tested for before', () => {
  const tree = {
    't.c': '#include "x.h"\n#if __has_include(<no.h>)\n#endif\n#include "s/i.h"\n',
    'x.h': '#ifdef NEVER\n#include "never.h"\n#include "no.h"\n#endif\n',
    's/i.h': '#include "no.h"\n',
    'q/z': '',
  };
  const result = walked(['gcc', 'c'], tree, { args: ['-iquote', 'q'] });
  expect(result.files).toEqual(['t.c', 'x.h', 's/i.h']);
  expect(result.absent).toEqual(expect.arrayContaining(['s/no.h', 'q/no.h', 'no.h']));
  expect(result.absent).not.toContain('never.h');
});

test('modules matter to C++ only, and a date not where it is fixed', () => {
  const tree = { 't.c': '#if 0\nimport foo;\n#endif\n', 'd.c': '#if 0\n__DATE__ __TIME__\n#endif\n' };
  inTree(tree, (cwd) => {
    const walks = (
      compiler: Setting['compiler'],
      language: Setting['language'],
      source: string,
      dateIsFixed = false,
    ) => {
      const setting: Setting = { compiler, language, cwd };
      return walk({ ...inputFor(setting, source, searchListOf(setting), diskView()), dateIsFixed }).problem?.reason;
    };
    expect(walks('gcc', 'c', 't.c')).toBeUndefined();
    expect(walks('g++', 'c++', 't.c')).toBe('modules');
    expect(walks('gcc', 'c', 'd.c')).toBe('time-macro');
    expect(walks('gcc', 'c', 'd.c', true)).toBeUndefined();
  });
});

test('preprocessed sources and plain assembler have no includes, but may read through the assembler', () => {
  const view = diskView();
  const tree = {
    't.i': '# 1 "x.c"\n#include "h.h"\nconst char *s = "__DATE__";\n',
    't.s': '/* .incbin "f" */\n',
    'h.h': '',
  };
  inTree(tree, (cwd) => {
    const base = {
      cwd,
      family: 'gcc',
      forcedIncludes: [],
      search: { quote: [], bracket: [], missing: [] },
      view,
      commandLineDefines: [],
    } as const;
    expect(walk({ ...base, language: 'cpp-output', source: 't.i' })).toMatchObject({ files: [`${cwd}/t.i`] });
    expect(walk({ ...base, language: 'cpp-output', source: 't.i' })).not.toHaveProperty('problem');
    expect(walk({ ...base, language: 'assembler', source: 't.s' }).problem?.reason).toBe('incbin');
    expect(walk({ ...base, language: 'c', source: 'none.c' }).problem?.reason).toBe('input-unreadable');
    expect(walk({ ...base, language: 'c', source: '/dev/null' }).problem?.reason).toBe('special-input');
  });
});

test('a file the compiler read and the scan cannot reach is named', () => {
  inTree({ 't.c': '', 'x.h': '' }, (cwd) => {
    const setting: Setting = { compiler: 'gcc', language: 'c', cwd };
    const truth = new Set([...(filesRead(setting, 't.c') ?? []), `${cwd}/x.h`]);
    const input = inputFor(setting, 't.c', searchListOf(setting), diskView());
    expect(walk({ ...input, truth }).problem).toEqual({
      kind: 'refused',
      reason: 'scan-incomplete',
      detail: `${cwd}/x.h`,
    });
  });
});
