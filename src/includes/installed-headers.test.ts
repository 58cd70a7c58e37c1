import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tidyPath } from './paths.ts';
import { chance } from './testing/random-tree.ts';
import { diskView, filesRead, inputFor, type Setting, searchListOf } from './testing/real-compiler.ts';
import { walk } from './walk.ts';

/**
 * One-line sources, each including one header installed on this machine: what a compiler reads for it must be what the
 * walk reaches, and the closure without a list must contain it. HG_FUZZ=20 takes a sample twenty times as large.
 */
const SAMPLE = 30 * Number(process.env.HG_FUZZ ?? 1);
const SEED = Number(process.env.HG_SEED ?? 1);

function headersBelow(directory: string, depth: number): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return depth > 0 ? headersBelow(join(directory, entry.name), depth - 1) : [];
    return /^[a-z][\w]*$|\.h$|\.hpp$/.test(entry.name) ? [join(directory, entry.name)] : [];
  });
}

const SYSTEM = headersBelow('/usr/include', 2).filter((path) => !path.startsWith('/usr/include/c++/'));
const LIBRARY = readdirSync('/usr/include/c++').flatMap((version) => headersBelow(`/usr/include/c++/${version}`, 2));

test.each([
  ['gcc', 'c', SYSTEM, []],
  ['g++', 'c++', [...LIBRARY, ...SYSTEM], ['-std=c++20']],
  ['clang', 'c', SYSTEM, []],
  ['clang++', 'c++', [...LIBRARY, ...SYSTEM], ['-std=c++17']],
] as const)('%s: installed headers', (compiler, language, headers, args) => {
  const cwd = mkdtempSync(join(tmpdir(), 'hg-includes-'));
  try {
    const setting: Setting = { compiler, language, cwd, args };
    const search = searchListOf(setting);
    const view = diskView();
    const dice = chance(SEED);
    const refused = new Map<string, string>();
    let walked = 0;
    for (let tries = 0; walked < SAMPLE && tries < 6 * SAMPLE; tries++) {
      const header = dice.of(headers);
      const source = `t${tries}.c`;
      writeFileSync(join(cwd, source), `#include "${header}"\n`);
      const truth = filesRead(setting, source);
      if (truth === undefined) continue;
      walked++;
      const input = inputFor(setting, source, search, view);
      const { problem } = walk({ ...input, truth });
      if (problem !== undefined) refused.set(header, `${problem.reason} ${problem.detail}`);
      const closure = walk(input);
      const reached = new Set(closure.files.map((path) => view.identityOf?.(path)));
      const missed = [...truth].filter((path) => !reached.has(view.identityOf?.(tidyPath(path))));
      if (closure.problem === undefined) expect(missed, header).toEqual([]);
    }
    expect(walked).toBeGreaterThanOrEqual(SAMPLE / 2);
    expect([...refused].filter(([, why]) => why.startsWith('scan-incomplete'))).toEqual([]);
    expect(refused.size, JSON.stringify([...refused])).toBeLessThanOrEqual(walked / 5);
  } finally {
    rmSync(cwd, { recursive: true });
  }
});
