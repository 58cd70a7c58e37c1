import { expect, test } from 'vitest';
import { parseSearchList } from './search-list.ts';
import { run, type Setting } from './testing/real-compiler.ts';
import { inTree } from './testing/tree.ts';

function listOf(setting: Setting) {
  return parseSearchList(run(setting, ['-v', '-E', '/dev/null']).stderr, setting.cwd);
}

const ARGS = ['-Ia', '-I', './b/', '-iquote', 'q', '-Inone', '-isystem', 'la', '-I', ' blank', '-I..//up'];

test.each([
  ['gcc', 'c'],
  ['clang++', 'c++'],
] as const)('%s', (compiler, language) => {
  const tree = { 'a/x': '', 'b/x': '', 'q/x': '', ' blank/x': '', la: { link: 'a' } } as const;
  inTree(tree, (cwd) => {
    const list = listOf({ compiler, language, cwd, args: ARGS });
    expect(list?.quote).toEqual([`${cwd}/q`]);
    // A system directory wins over another name of it given with -I.
    // clang calls it by the name it saw first; the other must not be lost.
    const [kept, dropped] = compiler === 'gcc' ? ['la', 'a'] : ['a', 'la'];
    expect(list?.bracket.slice(0, 3)).toEqual([`${cwd}/b`, `${cwd}/ blank`, `${cwd}/${kept}`]);
    expect(list?.duplicate).toContain(`${cwd}/${dropped}`);
    expect(list?.bracket).toContain('/usr/include');
    expect(list?.missing).toContain(`${cwd}/none`);
    expect(list?.missing).toContain(`${cwd}/../up`);
  });
});

test('without built-in directories', () => {
  inTree({ 'e/x': '' }, (cwd) => {
    expect(listOf({ compiler: 'gcc', language: 'c', cwd, args: ['-nostdinc', '-Ie'] })).toEqual({
      quote: [],
      bracket: [`${cwd}/e`],
      missing: [],
      duplicate: [],
    });
  });
});

test('what cannot be read as a list is none', () => {
  const list = (body: string, before = '') =>
    parseSearchList(`${before}#include "..." search starts here:\n${body}End of search list.\n`, '/w');
  const head = '#include <...> search starts here:\n';
  expect(list(`${head} a\n`)).toMatchObject({ bracket: ['/w/a'] });
  expect(list(`${head} a (framework directory)\n`)).toBeUndefined();
  expect(list(`${head} a.hmap (headermap)\n`)).toBeUndefined();
  expect(list(`${head} with\nnewline\n`)).toBeUndefined();
  expect(list(' a\n')).toBeUndefined();
  expect(list(`${head} a\n`, 'cc1: warning: f: not a directory\n')).toBeUndefined();
  expect(list(`${head} a\n`, 'ignoring something else "x"\n')).toBeUndefined();
  expect(parseSearchList('', '/w')).toBeUndefined();
});

test('a file given as a search directory is no list to rely on', () => {
  inTree({ f: '' }, (cwd) => {
    expect(listOf({ compiler: 'gcc', language: 'c', cwd, args: ['-If'] })).toBeUndefined();
    const ofClang = listOf({ compiler: 'clang', language: 'c', cwd, args: ['-If'] });
    expect(ofClang === undefined || ofClang.missing.includes(`${cwd}/f`)).toBe(true);
  });
});
