/** What is built: real sources in one place, from nothing each time. */
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bed } from '../../test/bed/environment.ts';
import { runOk } from '../../test/bed/run.ts';
import { copySource, fetchRe2 } from '../../test/bed/sources.ts';
import { readTree, type Tree } from '../../test/bed/tree.ts';
import { putAside } from '../aside.ts';
import type { Call } from './builders.ts';

export interface Project {
  readonly name: string;
  readonly directory: string;
  /** The words after `before` of a builder's call. */
  make(call: Call, jobs: number): readonly string[];
  /** As if nothing had been built yet. */
  clean(): Promise<void>;
  objects(): Tree;
}

const MAKEFILE = join(import.meta.dirname, '../../demo/Makefile');
const isObject = (path: string): boolean => path.endsWith('.o');
const compiler = ({ compilerPrefix }: Call, name: string): string => `${compilerPrefix} ${name}`.trim();

/** RE2 and abseil, as `make demo` builds them; `files`: only so many of the 183. */
export function re2Project(bed: Bed, files: number | undefined): Project {
  const directory = join(bed.work, 're2');
  cpSync(join(fetchRe2(), 'vendor'), directory, { recursive: true, preserveTimestamps: true });
  const some = files === undefined ? [] : [`FILES=${files}`];
  return {
    name: 'RE2',
    directory,
    make: (call, jobs) => [
      'make',
      '-s',
      `-j${jobs}`,
      '-f',
      MAKEFILE,
      'objects',
      ...some,
      `CXX=${compiler(call, 'g++')}`,
    ],
    clean: async () => putAside(bed, [join(directory, 'out')]),
    objects: () => readTree(directory, isObject),
  };
}

/** Libraries that redis carries with it: 50 of its compiles. */
const REDIS_PART = ['-C', 'deps', 'hiredis', 'linenoise', 'lua', 'hdr_histogram'];

/** redis with the allocator of libc: 150 short compiles and a few links; or a third of it. */
export function redisProject(bed: Bed, isPart = false): Project {
  const directory = join(bed.work, 'redis');
  copySource('redis', directory);
  const some = isPart ? REDIS_PART : [];
  return {
    name: 'redis',
    directory,
    make: (call, jobs) => ['make', '-s', `-j${jobs}`, 'MALLOC=libc', `CC=${compiler(call, 'cc')}`, ...some],
    clean: async () => void (await runOk(['make', '-s', 'distclean'], { cwd: directory, env: bed.env })),
    objects: () => readTree(directory, isObject),
  };
}

/** A header and the objects that are made from it. */
export interface HeaderUse {
  readonly header: string;
  readonly objects: readonly string[];
}

/** The header of the tree that comes nearest to being read by `part` of all objects, by what the depfiles say. */
export function headerUsedBy(part: number, directory: string): HeaderUse {
  const out = join(directory, 'out');
  const users = new Map<string, string[]>();
  const depfiles = [...readTree(out, (path) => path.endsWith('.d')).keys()].sort();
  for (const depfile of depfiles) {
    const rule =
      readFileSync(join(out, depfile), 'utf8')
        .split('\n\n')[0]
        ?.split(/\n[^ \n]/)[0] ?? '';
    const headers = rule.split(/[\s\\]+/).filter((word) => word.endsWith('.h') && !word.startsWith('/'));
    for (const header of headers) users.set(header, [...(users.get(header) ?? []), depfile.replace(/d$/, 'o')]);
  }
  const wanted = part * depfiles.length;
  const distance = ([, objects]: [string, string[]]): number => Math.abs(objects.length - wanted);
  const [best] = [...users].sort((a, b) => distance(a) - distance(b) || (a[0] < b[0] ? -1 : 1));
  if (best === undefined || !existsSync(join(directory, best[0]))) throw new Error('no header is used');
  return { header: best[0], objects: best[1] };
}
