import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OPTION_TABLES } from './option-tables.ts';
import { parseCommandLine } from './parse-command-line.ts';

const OPTIONS = [...OPTION_TABLES.gcc.rows.keys(), ...OPTION_TABLES.clang.rows.keys()];

/** Words as they come on lines: options of the tables, with something glued to them, names, and noise. */
const word = fc.oneof(
  fc.constantFrom('-c', '-S', '-o', 'x.o', 'a.c', 'a.cc', 'a.S', '-MD', '-MF', 'x.d', '-', '--', '', '@x'),
  fc.constantFrom(...OPTIONS),
  fc.tuple(fc.constantFrom(...OPTIONS), fc.string({ maxLength: 8 })).map(([option, value]) => option + value),
  fc.string({ unit: 'binary', maxLength: 12 }),
);

const line = fc.record({
  family: fc.constantFrom('gcc' as const, 'clang' as const),
  mode: fc.constantFrom('c' as const, 'c++' as const),
  args: fc.array(word, { maxLength: 12 }),
});

test('any line has a meaning, and the key holds only what the line says', () => {
  const property = fc.property(line, (given) => {
    const meaning = parseCommandLine(given);
    if (meaning.kind !== 'compile') return;
    expect(meaning.outputs[0]?.path).toBe(meaning.output);
    expect(given.args).toContain(meaning.source);
    const said = new Set([...given.args, '-Wp,-MD', '-Wp,-MMD']);
    expect([...meaning.keyArgs, ...meaning.searchArgs, ...meaning.toolArgs].filter((arg) => !said.has(arg))).toEqual(
      [],
    );
    for (const list of [meaning.searchArgs, meaning.toolArgs]) expect(isSubsequence(list, given.args)).toBe(true);
  });
  fc.assert(property, { numRuns: 3000 });
});

test('an option added to a compile is in its key, or the line is no longer that compile', () => {
  const property = fc.property(
    fc.constantFrom('gcc' as const, 'clang' as const),
    fc.constantFrom(...OPTIONS),
    (family, option) => {
      const key = (args: string[]) => {
        const meaning = parseCommandLine({ family, mode: 'c', args });
        return meaning.kind === 'compile' ? meaning.keyArgs.join('\0') : undefined;
      };
      const [row] = [OPTION_TABLES[family].rows.get(option)];
      const spelled = row?.[1] === 'flag' ? [option] : row?.[1] === 'separate' ? [option, 'v'] : [`${option}v`];
      const added = key([...spelled, '-c', 'a.c']);
      if (!/^(?:-o.*|--output.*|--)$/.test(option)) expect(added).not.toBe(key(['-c', 'a.c']));
    },
  );
  fc.assert(property, { numRuns: 3000 });
});

test('several thousand arguments are read in one go', () => {
  const args = Array.from({ length: 20_000 }, (_, i) => `-DX${i}`);
  expect(parseCommandLine({ family: 'gcc', mode: 'c', args: [...args, '-c', 'a.c'] })).toMatchObject({
    kind: 'compile',
  });
});

function isSubsequence(part: readonly string[], whole: readonly string[]): boolean {
  let at = 0;
  for (const item of whole) if (item === part[at]) at++;
  return at === part.length;
}
