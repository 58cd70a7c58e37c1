/** A compile whose preprocessed text is known may be a hit, and never where columns or comments reach the object. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Bed, LAUNCHER, makeBed } from './bed/environment.ts';
import { run } from './bed/run.ts';

let bed: Bed;
beforeEach(() => {
  bed = makeBed({ HG_VERBOSE: '1' });
});
afterEach(() => bed.remove());

const settle = () => new Promise((resolve) => setTimeout(resolve, 50));

/** Compiles a.c with this comment in its header and says what happened; the object must be the plain compiler's. */
async function compileWith(
  comment: string,
  compiler: string,
  args: readonly string[],
  body = 'int f(void);',
): Promise<string> {
  writeFileSync(join(bed.work, 'a.h'), `${body} /* ${comment} */\n`);
  await settle();
  const options = { cwd: bed.work, env: bed.env };
  expect((await run([compiler, ...args, '-c', 'a.c', '-o', 'plain.o'], options)).status).toBe(0);
  const ours = await run([LAUNCHER, compiler, ...args, '-c', 'a.c', '-o', 'a.o'], options);
  expect(ours.status).toBe(0);
  await bed.flush();
  expect(readFileSync(join(bed.work, 'a.o')).equals(readFileSync(join(bed.work, 'plain.o')))).toBe(true);
  return /^\[(\w+)/m.exec(ours.stderr.toString())?.[1] ?? '';
}

async function edits(compiler: string, args: readonly string[], body?: string): Promise<string[]> {
  writeFileSync(join(bed.work, 'a.c'), '#include "a.h"\nint f(void) { return 1; }\n');
  const verdicts: string[] = [];
  for (const comment of ['one', 'two, longer', 'three, longer still']) {
    verdicts.push(await compileWith(comment, compiler, args, body));
  }
  return verdicts;
}

test('an edited comment is a hit once the text of this call is known', async () => {
  expect(await edits('gcc', ['-O2', '-w'])).toEqual(['local', 'local', 'hit']);
  expect(await edits('clang', ['-O2', '-w'])).toEqual(['local', 'local', 'hit']);
});

test('the depfile asked for is written on such a hit', async () => {
  expect(await edits('gcc', ['-O2', '-w', '-MD', '-MF', 'a.d', '-MT', 'x'])).toEqual(['local', 'local', 'hit']);
  expect(readFileSync(join(bed.work, 'a.d'), 'latin1')).toContain('a.h');
});

test('with -g columns move: never', async () => {
  expect(await edits('gcc', ['-g', '-w'])).toEqual(['local', 'local', 'local']);
});

test('with warnings, or without -w: never', async () => {
  expect(await edits('gcc', ['-Wall'])).toEqual(['local', 'local', 'local']);
  expect(await edits('gcc', [])).toEqual(['local', 'local', 'local']);
});

test('a column that reaches the object through a builtin: never', async () => {
  const body = 'static const char *here(int l) { return l ? __builtin_FILE() : 0; } int f(void);';
  expect(await edits('gcc', ['-w'], body)).toEqual(['local', 'local', 'local']);
});

test('a real change is compiled', async () => {
  writeFileSync(join(bed.work, 'a.c'), '#include "a.h"\nint f(void) { return A; }\n');
  const verdicts: string[] = [];
  for (const value of [1, 2, 3, 2]) {
    verdicts.push(await compileWith(`note ${verdicts.length}`, 'gcc', ['-w'], `enum { A = ${value} };`));
  }
  // The last text was seen before: a hit, and by the comparison above the right one.
  expect(verdicts).toEqual(['local', 'local', 'local', 'hit']);
});
