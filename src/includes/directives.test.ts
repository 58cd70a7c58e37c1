import { describe, expect, test } from 'vitest';
import { type ScanFlag, scanDirectives } from './directives.ts';

/** Lookups as one line each: operation, then the name with its form's marks. */
function lookups(content: string): string[] {
  return scanDirectives(content).lookups.map(({ op, form, name }) => {
    const marks = { quote: `"${name}"`, angle: `<${name}>`, macro: name, tokens: `tokens <${name}>` };
    return `${op} ${marks[form]}`;
  });
}

function flags(content: string): readonly ScanFlag[] {
  return scanDirectives(content).flags;
}

describe('directives are found', () => {
  const spellings: Record<string, string> = {
    plain: '#include <x.h>',
    'without a blank': '#include<x.h>',
    indented: ' \t# \t include \t <x.h>',
    'after a comment': '/* a */ # /* b */ include /* c */ <x.h>',
    'after a comment of several lines': '/* a\n b */ #include <x.h>',
    'with a comment of several lines within': '# /* a\n*/ include <x.h>',
    'comment glued to the word': '#include/**/<x.h>',
    digraph: '%:include <x.h>',
    trigraph: '??=include <x.h>',
    'spliced word': '#inc\\\nlude <x.h>',
    'spliced word, CRLF': '#inc\\\r\nlude <x.h>',
    'spliced word, blank after the backslash': '#inc\\ \nlude <x.h>',
    'spliced name': '#include <x\\\n.h>',
    'spliced before the word': '#\\\n\\\n include <x.h>',
    'comment opened by a spliced slash': '/\\\n* a */#include <x.h>',
    CRLF: 'int a;\r\n#include <x.h>\r\nint b;\r\n',
    'byte order mark': '\xef\xbb\xbf#include <x.h>',
    'form feed and vertical tab': '\f\v#include <x.h>',
    'NUL before': '\0#include <x.h>',
    'text behind': '#include <x.h> // "y.h"',
    'at the end without newline': 'int a;\n#include <x.h>',
    'after a lone carriage return': 'int a;\r#include <x.h>',
    'in a comment (too much is allowed)': '/*\n#include <x.h>\n*/',
    'after an apostrophe': "#error don't\n#include <x.h>",
  };
  for (const [name, content] of Object.entries(spellings))
    test(name, () => expect(lookups(content)).toEqual(['include <x.h>']));

  test('each kind', () => {
    expect(
      lookups('#include "q.h"\n#include_next <n.h>\n#import "i.h"\n#include_next "m.h"\n#__include_macros "f.h"\n'),
    ).toEqual(['include "q.h"', 'include_next <n.h>', 'import "i.h"', 'include_next "m.h"', 'include "f.h"']);
  });

  test('a repetition is one lookup, two forms of a name are two', () => {
    expect(lookups('#include <a>\n#include "a"\n#include <a>\n')).toEqual(['include <a>', 'include "a"']);
  });

  test('names keep every byte', () => {
    expect(lookups('#include "\xc3\xa4 b\\c//d/*e.h"\n')).toEqual(['include "\xc3\xa4 b\\c//d/*e.h"']);
  });

  test('what is no directive is none', () => {
    expect(lookups('int a; #include <x.h>\n"#include <y.h>"\n#included <z.h>\nx = "\\\n#include <w.h>";\n')).toEqual(
      [],
    );
  });
});

describe('__has_include', () => {
  test('both operands and both operations', () => {
    expect(lookups('#if __has_include(<a>) || __has_include ( "b" )\n#elif __has_include_next(<c>)\n#endif\n')).toEqual(
      ['has_include <a>', 'has_include "b"', 'has_include_next <c>'],
    );
  });
  test('spliced over lines', () => {
    expect(lookups('#if __has_\\\ninclude(\\\n<a>)\n#endif\n')).toEqual(['has_include <a>']);
  });
  test('asking whether it exists is no lookup', () => {
    const content = `#ifdef __has_include
#if defined(__has_include) && defined __has_include
#ifndef __has_include
#define __has_include(x) 0
#undef __has_include
int my__has_include(int);
// __has_include is fine, and so is __has_include(anything).
`;
    expect(scanDirectives(content)).toMatchObject({ lookups: [], flags: [] });
  });
  test('a macro in a condition', () => {
    expect(lookups('#if __has_include(CONFIG_H)\n#endif\n')).toEqual(['has_include CONFIG_H']);
  });
  test('a parameter of a macro cannot be known', () => {
    expect(flags('#define HAS(x) __has_include(x)\n')).toEqual(['computed']);
  });
  test('an alias of the operator cannot be followed', () => {
    expect(flags('#define HAS __has_include\n#if HAS(<x.h>)\n#endif\n')).toEqual(['computed']);
  });
  test('in the body of a macro the name is made of tokens', () => {
    expect(lookups('#define HAS_X __has_include(<linux/x.h>)\n')).toEqual(['has_include tokens <linux/x.h>']);
    expect(lookups('// as in __has_include(<linux/x.h>)\n')).toEqual([]);
  });
  test('pasted together', () => {
    expect(flags('#define HAS(x) __has_##include(x)\n')).toEqual(['computed']);
  });
});

describe('computed includes', () => {
  test('a macro is a lookup, anything more is a flag', () => {
    expect(lookups('#include CONFIG\n#include CONFIG // why\n#include /**/ CONFIG /**/\n')).toEqual(['include CONFIG']);
    for (const operand of ['Q(x)', 'A B', 'A.h', '', '(A)', '"open', '<open', 'L"x.h"'])
      expect(flags(`#include ${operand}\n`), operand).toEqual(['computed']);
  });
  test('prose about includes in a comment is no flag', () => {
    expect(flags('/*\n#include files of all sorts\n#include A(B)\n*/\nint a;\n')).toEqual([]);
    expect(flags('/* \' " */ const char *s = "/*";\n#include A(B)\n// */\n')).toEqual(['computed']);
  });
  test('where comments cannot be told from code the flag stays', () => {
    expect(flags("int a = 1'0;\n/*\n#include A(B)\n*/\n")).toEqual([]);
    expect(flags('int a = 1\'0 + f("/*");\n/*\n#include A(B)\n*/\n')).toEqual(['computed']);
    expect(flags('/* ??/ */\n/*\n#include A(B)\n*/\n')).toEqual(['computed']);
  });
  test('__FILE__ is a macro like any other; the walk refuses it', () => {
    expect(lookups('#include __FILE__\n')).toEqual(['include __FILE__']);
  });
  test('definitions are kept with what they can become', () => {
    const content = `#define Q "q.h"
#define A <a/b.h> // comment
#define ALIAS /* c */ Q
  # define F(x) <x>
#define NUMBER 1
#define EMPTY
#define PAREN ("x")
#define CALL Q2(x)
#define TWO "a" "b"
#define ESCAPED "a\\x41.h"
#define WIDE L"x.h"
#define BLANKS < a.h>
#define COMMENT <a//b.h>
#define LONG \\
  "l.h"
`;
    expect(scanDirectives(content).macros.trim().split('\n')).toEqual([
      'Q"q.h',
      'A<a/b.h',
      'ALIAS=Q',
      'F?',
      'NUMBER.',
      'EMPTY.',
      'PAREN.',
      'CALL?',
      'TWO?',
      'ESCAPED?',
      'WIDE?',
      'BLANKS?',
      'COMMENT?',
      'LONG"l.h',
    ]);
  });
});

describe('hidden dependencies', () => {
  const flagged: Record<string, [ScanFlag, ...string[]]> = {
    incbin: [
      'incbin',
      '__asm__(".incbin \\"f\\"");',
      'asm(".INCBIN \\"f\\"");',
      '#define I .inc##bin',
      'asm(".inc" "bin \\"f\\"");',
      'asm(".inc"\n  /* c */ "bin \\"f\\"");',
      'CAT(inc,bin)',
      'CAT(inc, bin)',
      'asm(".inc\\\nbin");',
      'asm(".i" "n" "c" "b" "i" "n");',
      'asm(R"(.incbin "f")");',
      '.macro m\n.inc\\()bin "f"\n.endm',
      'asm(".include \\"f\\"");',
      'asm(".inc" "lude \\"f\\"");',
      'asm("." "include \\"f\\"");',
      'CAT(.inc,lude)',
      'asm("\\t.include \\"f\\"");',
      '.include "f"',
    ],
    date: [
      'date',
      'f(__DATE__);',
      'f(__TIME__);',
      '__DA##TE__',
      'CAT(__DA,TE__)',
      'CAT(__TI, ME__)',
      '__DA\\\nTE__',
      'CAT(__DA/**/,TE__)',
    ],
    timestamp: ['timestamp', 'f(__TIMESTAMP__);', '__TIME##STAMP__', 'CAT(__TIMESTAMP,__)'],
    embed: ['embed', '#embed "f"', '# embed <f>', '#if __has_embed("f")\n#endif'],
    pch: ['pch', '#pragma GCC pch_preprocess "x.gch"'],
    modules: [
      'modules',
      'import foo;',
      'import <vector>;',
      'import "x.h";',
      'export module foo;',
      'module;',
      'module :private;',
      'export /**/ import :part;',
    ],
    unsure: [
      'unsure',
      '#pragma GCC dependency "f"',
      '_Pragma("GCC dependency \\"f\\"")',
      '#pragma include_alias("a", "b")',
      'int a;\rint b;',
      '#inc??/\nlude "x.h"',
    ],
  };
  for (const [name, [flag, ...contents]] of Object.entries(flagged))
    for (const content of contents)
      test(`${name}: ${JSON.stringify(content)}`, () => expect(flags(`int x;\n${content}\n`)).toContain(flag));

  const harmless = [
    'f_inc(bin);\nhist_inc((bin));',
    '// License, etc.\n#include <x.h>\n',
    '/* See above.\n */\n#include "x.h"\n',
    'a[1].IncludeLoc; f().include(x); s.include = 1; .includes',
    '/* e.g., include this */',
    'a.b(", include");',
    '// __DATE__ is bad, __TIMESTAMP__ too',
    '/* .incbin */',
    'int date = DATE__; long __DATE;',
    'import = 5;\nmodule->x = 1;\nimported;\n',
    '/*\n import foo;\n*/\n',
    '#ifdef __has_embed\n#endif\n',
    '#pragma GCC diagnostic push\n#pragma omp parallel\n#pragma clang module_x\n',
  ];
  for (const content of harmless)
    test(`harmless: ${JSON.stringify(content)}`, () =>
      expect(flags(content).filter((flag) => flag !== 'incbin-comment')).toEqual([]));

  test('an assembler may read what is a comment to C', () => {
    expect(flags('/* .incbin "f" */\n')).toEqual(['incbin-comment']);
  });
});

describe('pragmas', () => {
  test('once', () => {
    for (const content of ['#pragma once', ' # pragma /**/ once ', '_Pragma("once")', '#define O _Pragma("once")'])
      expect(scanDirectives(content).once, content).toBe(true);
    expect(scanDirectives('#pragma oncex\n// once\n').once).toBe(false);
  });
  test('system_header and its place', () => {
    expect(scanDirectives('#include <a>\n#pragma GCC system_header\n#include <b>\n').systemHeaderAt).toBe(1);
    expect(scanDirectives('#if __has_include(<x>)\n#endif\n#pragma clang system_header\n').systemHeaderAt).toBe(0);
    expect(scanDirectives('#define P(x) _Pragma(#x)\nP(GCC system_header)\n').systemHeaderAt).toBe('maybe');
    expect(scanDirectives('_Pragma("GCC system_header")\n').systemHeaderAt).toBe('maybe');
    expect(scanDirectives('# 1 "/usr/include/x.h" 1 3 4\n').systemHeaderAt).toBe('maybe');
    expect(scanDirectives('# 13 "x3.h" 1\n')).not.toHaveProperty('systemHeaderAt');
    expect(scanDirectives('// system_header\n')).not.toHaveProperty('systemHeaderAt');
  });
});

test('a scan survives JSON', () => {
  const scan = scanDirectives('#include "\xff.h"\n#define A <a>\n#pragma GCC system_header\n__DATE__\n');
  expect(JSON.parse(JSON.stringify(scan))).toEqual(scan);
});

test('time grows with the length, not faster', () => {
  const hostile = [
    '/*',
    '#/*',
    '#include /* *',
    '__has_include(',
    '1\'0"',
    '#define A /*',
    '\\\n',
    '\\ ',
    '_',
    '"\\',
    '. ',
    '/**/',
  ];
  for (const piece of hostile) {
    const content = piece.repeat(200_000 / piece.length);
    const start = process.cpuUsage();
    scanDirectives(content);
    const { user } = process.cpuUsage(start);
    expect(user / 1000, piece).toBeLessThan(1500);
  }
});
