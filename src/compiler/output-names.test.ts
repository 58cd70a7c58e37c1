import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseCommandLine } from './parse-command-line.ts';

/** Every file below a directory, relative to it. */
function filesBelow(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
}

const OPTIONS = ['-MD', '-g', '-gsplit-dwarf', '--coverage', '-fstack-usage'];
const SOURCES = ['a.c', 'd.x/a.b.c', '.a.c', 'd.x/.c', 'a..c'];
const OUTPUTS = ['', 'x.o', 'x', 'd.x/x', 'd.x/x.y.o', '.o', 'd.x/.o', 'd.x/.x', 'x.', 'x..o', 'x.c'];

describe.each(['gcc', 'clang'] as const)('%s names its outputs as we say', (family) => {
  test.each(SOURCES.flatMap((source) => OUTPUTS.map((output) => [source, output] as const)))(
    '%s -> %j',
    (source, output) => {
      for (const stage of ['-c', '-S']) {
        const base = mkdtempSync(join(tmpdir(), 'hg-names-'));
        try {
          mkdirSync(join(base, 'd.x'));
          writeFileSync(join(base, source), 'int f(int x) { return x; }\n');
          const args = [stage, source, ...OPTIONS, ...(output === '' ? [] : ['-o', output])];
          const run = spawnSync(family, args, { cwd: base, encoding: 'utf8' });
          expect(run.stderr).toBe('');
          const meaning = parseCommandLine({ family, mode: 'c', args });
          if (meaning.kind !== 'compile') throw new Error(JSON.stringify(meaning));
          const written = filesBelow(base).filter((path) => path !== source);
          const named = meaning.outputs.filter((o) => o.required || written.includes(o.path)).map((o) => o.path);
          expect(written.sort()).toEqual([...named].sort());
        } finally {
          rmSync(base, { recursive: true });
        }
      }
    },
  );
});
