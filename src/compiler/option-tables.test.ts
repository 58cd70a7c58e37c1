import { expect, test } from 'vitest';
import { CLANG_FLAG_NAMES } from './clang-flag-names.ts';
import { CLANG_DEBUG_OPTIONS, CLANG_OPTIONS } from './clang-options.ts';
import { GCC_FLAG_NAMES } from './gcc-flag-names.ts';
import { GCC_DEBUG_OPTIONS, GCC_OPTIONS } from './gcc-options.ts';
import { findOption, flagRows, makeTable, type OptionRow } from './option-table.ts';
import { OPTION_TABLES } from './option-tables.ts';
import { SHARED_FLAG_NAMES } from './shared-flag-names.ts';
import { SHARED_DEBUG_OPTIONS, SHARED_OPTIONS } from './shared-options.ts';

const TABLES: Record<string, readonly OptionRow[]> = { shared: SHARED_OPTIONS, gcc: GCC_OPTIONS, clang: CLANG_OPTIONS };
const NAMES = { shared: SHARED_FLAG_NAMES, gcc: GCC_FLAG_NAMES, clang: CLANG_FLAG_NAMES };
const ALL = {
  gcc: [GCC_OPTIONS, GCC_DEBUG_OPTIONS, flagRows(GCC_FLAG_NAMES)].flat(),
  clang: [CLANG_OPTIONS, CLANG_DEBUG_OPTIONS, flagRows(CLANG_FLAG_NAMES)].flat(),
};
const SHARED = [SHARED_OPTIONS, SHARED_DEBUG_OPTIONS, flagRows(SHARED_FLAG_NAMES)].flat();

test.each(Object.keys(TABLES))('the %s options are sorted', (key) => {
  const names = (TABLES[key] as readonly OptionRow[]).map((row) => row[0]);
  expect(names).toEqual([...names].sort());
});

test.each(['shared', 'gcc', 'clang'] as const)('the %s flag names are sorted', (key) => {
  expect(NAMES[key]).toEqual([...NAMES[key]].sort());
});

test.each(['gcc', 'clang'] as const)('no option is twice in what %s reads', (family) => {
  const names = [...SHARED, ...ALL[family]].map((row) => row[0]);
  expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
});

test('what both families have alike stands in the shared tables', () => {
  const clang = new Map(ALL.clang.map((row) => [row[0], row]));
  const alike = ALL.gcc.filter(([name, arity, effect]) => {
    const other = clang.get(name);
    return other !== undefined && other[1] === arity && JSON.stringify(other[2]) === JSON.stringify(effect);
  });
  expect(alike.map((row) => row[0])).toEqual(['--ansi', '-G', '-fmodule-', '-frecord-gcc-switches'].sort());
});

test.each(['gcc', 'clang'] as const)('%s options are dashes and a name without white space', (family) => {
  for (const name of OPTION_TABLES[family].rows.keys()) expect(name).toMatch(/^--?[^\s]*$/);
});

const TABLE = makeTable([
  ['-f', 'joined', 'key'],
  ['-fa', 'flag', 'key'],
  ['-fab=', 'joined', 'search'],
  ['-I', 'either', 'search'],
  ['-x', 'separate', 'key'],
]);

test.each([
  ['-fa', '-fa', undefined],
  ['-fab=', '-fab=', ''],
  ['-fab=1', '-fab=', '1'],
  ['-fax', '-f', 'ax'],
  ['-f', '-f', ''],
  ['-I', '-I', undefined],
  ['-Idir', '-I', 'dir'],
  ['-x', '-x', undefined],
] as const)('finds %s as %s', (arg, name, glued) => {
  const found = findOption(TABLE, arg);
  expect([found?.row[0], found?.glued]).toEqual([name, glued]);
});

test.each(['-xc', '-y', '--', '-'])('does not find %s', (arg) => {
  expect(findOption(TABLE, arg)).toBeUndefined();
});
