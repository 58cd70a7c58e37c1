import { expect, test } from 'vitest';
import { parseCommandLine } from './parse-command-line.ts';
import { namesProfilesAsKnown, profilesRead } from './profile-data.ts';

/** The profiles of a line, for a compile in /w. */
function profilesOf(line: string): readonly string[] | undefined {
  const [driver = '', ...args] = line.split(' ');
  const family = driver === 'clang' ? 'clang' : 'gcc';
  const meaning = parseCommandLine({ family, mode: 'c', args });
  return meaning.kind === 'compile' ? profilesRead(meaning.profile, '/w') : undefined;
}

// What gcc 12 and clang 14 open, by strace; test/profiles.test.ts has them read these files.
test.each([
  ['gcc -c a.c', []],
  ['gcc -c a.c -fprofile-generate', []],
  ['gcc -c a.c -fprofile-use', ['/w/a.gcda']],
  ['gcc -c s/a.c -fprofile-use', ['/w/a.gcda']],
  ['gcc -c a.c -fprofile-use -o d/p.x.o', ['/w/d/p.x.gcda']],
  ['gcc -c a.c -fprofile-use -o /d/p.o', ['/d/p.gcda']],
  ['gcc -c a.c -fprofile-use=d -o o/p.o', ['d/#w#o#p.gcda']],
  ['gcc -c a.c -fprofile-use=a/ -o ./d/p.o', ['a//#w#.#d#p.gcda']],
  ['gcc -c a.c -fprofile-use=a -o .//d/../d/p.o', ['a/#w#.##d#^#d#p.gcda']],
  ['gcc -c a.c -fprofile-use=d -o /o/p.o', ['d//o/p.gcda']],
  ['gcc -c a.c -fprofile-use=d -fprofile-dir=zz', ['zz/#w#a.gcda']],
  ['gcc -c a.c -fprofile-dir=zz -fprofile-use=d', ['d/#w#a.gcda']],
  ['gcc -c a.c -fprofile-use=d -fprofile-use', ['d/#w#a.gcda']],
  ['gcc -S a.c -fbranch-probabilities -o q.s', ['/w/q.gcda']],
  ['clang -c a.c -fprofile-use', ['default.profdata']],
  ['clang -c a.c -fprofile-instr-use', ['default.profdata']],
  ['clang -c a.c -fprofile-use=p', ['p', 'p/default.profdata']],
  ['clang -c a.c -fprofile-instr-use=p', ['p']],
  ['clang -c a.c -fprofile-sample-use=s', ['s']],
])('%s reads %j', (line, paths) => {
  expect(profilesOf(line)).toEqual(paths);
});

test('the name of an object that decides which profile is read is part of the key', () => {
  const keyOf = (line: string) => {
    const meaning = parseCommandLine({ family: 'gcc', mode: 'c', args: line.split(' ') });
    return meaning.kind === 'compile' ? meaning.keyArgs : [];
  };
  expect(keyOf('-c a.c -o x.o')).not.toContain('x.o');
  expect(keyOf('-c a.c -o x.o -fprofile-use')).toContain('x.o');
});

test.each([
  ['gcc version 12.2.0 (Debian 12.2.0-14+deb12u1) ', true],
  ['gcc version 8.3.0', false],
  ['gcc version 120.0', false],
])('the names of %s are known: %s', (version, known) => {
  expect(namesProfilesAsKnown(version)).toBe(known);
});
