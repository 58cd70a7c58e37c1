import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { extensionOf, type InputKind, kindByLanguage, kindByName } from './languages.ts';

test.each([
  ['a.c', 'c'],
  ['d.x/a', ''],
  ['.c', 'c'],
  ['a.tar.gz', 'gz'],
  ['a.', ''],
  ['a.C', 'C'],
])('the extension of %s is %j', (path, extension) => {
  expect(extensionOf(path)).toBe(extension);
});

let base = '';
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'hg-languages-'));
});
afterAll(() => rmSync(base, { recursive: true }));

const EXTENSIONS =
  'c C cc CC cp cxx CXX cpp CPP c++ C++ i ii s S sx asm h H hh hp hpp HPP hxx h++ tcc o a so txt inc ipp inl cppm ixx m mm M cu cl ll bc f f90 d go';

/** What the driver's plan (-###) makes of an input: the frontend it calls, and how. */
function planned(driver: string, args: readonly string[]): InputKind | 'other' {
  const { stderr } = spawnSync(driver, ['-c', '-###', ...args], { cwd: base, encoding: 'utf8' });
  if (/precompiled-header|\.gch|emit-pch/.test(stderr)) return plannedHeader(stderr);
  if (stderr.includes('cannot execute') && !stderr.includes('cc1obj')) return 'other';
  const clang = / "-x" "([^"]+)"/.exec(stderr)?.[1];
  if (clang !== undefined) return KINDS[clang] ?? 'other';
  // By its bare name where it is not installed: a package of its own for Objective-C.
  const cc1 = /(?:\/|^ )(cc1\w*) (.*)/m.exec(stderr);
  const assembles = /^ (?:\S*\/)?as /m.test(stderr) || stderr.includes('"-cc1as"');
  if (cc1 === null) return assembles ? 'assembler' : 'other';
  if (cc1[2]?.includes('-lang-asm')) return 'assembler-with-cpp';
  const language = FRONTENDS[cc1[1] ?? ''];
  if (language === undefined) return 'other';
  if (!cc1[2]?.includes('-fpreprocessed')) return language;
  return language === 'c' ? 'cpp-output' : language === 'c++' ? 'c++-cpp-output' : 'other';
}

function plannedHeader(stderr: string): InputKind {
  const clang = / "-x" "([^"]+)"/.exec(stderr)?.[1];
  if (clang !== undefined) return clang === 'c-header' || clang === 'c++-header' ? clang : 'header';
  const frontend = /(?:\/|^ )(cc1\w*) /m.exec(stderr)?.[1];
  return frontend === 'cc1' ? 'c-header' : frontend === 'cc1plus' ? 'c++-header' : 'header';
}

const FRONTENDS: Readonly<Record<string, InputKind>> = {
  cc1: 'c',
  cc1obj: 'objective-c',
  cc1objplus: 'objective-c++',
  cc1plus: 'c++',
};

const LANGUAGES = [
  'c',
  'c++',
  'objective-c',
  'objective-c++',
  'assembler',
  'assembler-with-cpp',
  'cpp-output',
  'c++-cpp-output',
];

const KINDS: Readonly<Record<string, InputKind>> = {
  assembler: 'assembler',
  'assembler-with-cpp': 'assembler-with-cpp',
  c: 'c',
  'c++': 'c++',
  'c++-cpp-output': 'c++-cpp-output',
  'cpp-output': 'cpp-output',
  'objective-c': 'objective-c',
  'objective-c++': 'objective-c++',
};

describe.each(['gcc', 'g++', 'clang', 'clang++'] as const)('%s', (driver) => {
  const family = driver.startsWith('g') ? 'gcc' : 'clang';
  const mode = driver.endsWith('++') ? 'c++' : 'c';

  test.each(EXTENSIONS.split(' '))('takes .%s for what we say', (extension) => {
    const name = `x.${extension}`;
    writeFileSync(join(base, name), '');
    const kind = kindByName(name, family, mode);
    const real = planned(driver, [name]);
    // What we refuse as a language may be anything; what we handle must be just that, and we must not overlook one.
    if (kind === 'linker-input') expect(real).toBe('other');
    else if (kind !== 'unsupported') expect(kind).toBe(real);
  });

  test.each([...LANGUAGES, 'c-header', 'c++-header'])('takes -x %s for what we say', (name) => {
    writeFileSync(join(base, 'x.c'), '');
    expect(kindByLanguage(name)).toBe(planned(driver, ['-x', name, 'x.c']));
  });
});
