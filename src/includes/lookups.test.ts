import { expect, test } from 'vitest';
import { type FileScan, scanDirectives } from './directives.ts';
import { createKnownWalks } from './known-walks.ts';
import { createLookups } from './lookups.ts';
import { directoryOf } from './paths.ts';
import type { FileKind, FileView } from './port.ts';
import { type Chance, chance } from './testing/random-tree.ts';
import { type Walk, type WalkInput, walk } from './walk.ts';

/** How many steps to try: HG_FUZZ=20 takes twenty times as many. HG_SEED starts elsewhere. */
const STEPS = 400 * Number(process.env.HG_FUZZ ?? 1);
const SEED = Number(process.env.HG_SEED ?? 1);

type Node = { readonly text: string } | { readonly names: Set<string> } | { readonly target: string };

/** A file system in memory: a directory's version is as exact as a listing that was read this moment. */
class Files implements FileView {
  readonly nodes = new Map<string, Node>([['', { names: new Set() }]]);
  readonly #versions = new WeakMap<Node, object>();
  readonly #scans = new Map<string, FileScan>();
  readonly #inodes = new WeakMap<Node, number>();
  #lastInode = 0;
  asked = 0;

  put(path: string, node: Node): void {
    this.remove(path);
    const above = directoryOf(path);
    if (!this.nodes.has(above)) this.put(above, { names: new Set() });
    const parent = this.nodes.get(above) as Node;
    if (!('names' in parent)) return;
    parent.names.add(path.slice(above.length + 1));
    this.#versions.delete(parent);
    this.nodes.set(path, node);
  }

  remove(path: string): void {
    for (const known of [...this.nodes.keys()])
      if (known === path || known.startsWith(`${path}/`)) this.nodes.delete(known);
    const parent = this.nodes.get(directoryOf(path));
    if (parent === undefined || !('names' in parent)) return;
    parent.names.delete(path.slice(path.lastIndexOf('/') + 1));
    this.#versions.delete(parent);
  }

  #at(path: string, depth = 0): Node | undefined {
    // Headers that include each other by ever longer paths end where the kernel takes no more.
    if (path.length > 60) return undefined;
    let at = '';
    const names = path.split('/').filter((name) => name !== '' && name !== '.');
    for (const [i, name] of names.entries()) {
      const here = this.nodes.get(at);
      if (here === undefined || !('names' in here) || depth > 8) return undefined;
      const next = name === '..' ? directoryOf(at) : `${at}/${name}`;
      const node = this.nodes.get(next);
      if (node !== undefined && 'target' in node)
        return this.#at([node.target, ...names.slice(i + 1)].join('/'), depth + 1);
      at = next;
    }
    return this.nodes.get(at);
  }

  kindOf(path: string): FileKind {
    this.asked += 1;
    const node = this.#at(path);
    return node === undefined ? 'absent' : 'text' in node ? 'file' : 'directory';
  }

  lacks(directory: string, name: string): boolean {
    const node = this.#at(directory);
    return node !== undefined && 'names' in node && !node.names.has(name);
  }

  isLink(path: string): boolean {
    const above = directoryOf(path);
    const name = path.slice(above.length + 1);
    // Where the way goes through links itself, nobody here knows.
    const node = name === '..' ? undefined : this.nodes.get(path);
    return node === undefined || 'target' in node;
  }

  versionOf(directory: string): object | undefined {
    const node = this.#at(directory);
    if (node === undefined || !('names' in node)) return undefined;
    const known = this.#versions.get(node) ?? {};
    this.#versions.set(node, known);
    return known;
  }

  scan(path: string): FileScan | undefined {
    const node = this.#at(path);
    if (node === undefined || !('text' in node)) return undefined;
    const known = this.#scans.get(node.text) ?? scanDirectives(node.text);
    this.#scans.set(node.text, known);
    return known;
  }

  inodeOf(path: string): number | undefined {
    const node = this.#at(path);
    if (node === undefined) return undefined;
    const known = this.#inodes.get(node) ?? ++this.#lastInode;
    this.#inodes.set(node, known);
    return known;
  }

  identityOf(path: string): string | undefined {
    return this.inodeOf(path)?.toString();
  }

  digestOf(path: string): string | undefined {
    const node = this.#at(path);
    return node !== undefined && 'text' in node ? `digest of ${node.text}` : undefined;
  }

  stateOf(path: string): object | undefined {
    return this.#at(path);
  }
}

const DIRECTORIES = ['/p', '/p/sub', '/i', '/i/sub', '/j', '/j/sub', '/k'];
const NAMES = ['a.h', 'b.h', 'c.h', 'd.h', 'sub'];
const INCLUDED = [...NAMES.slice(0, 4), 'sub/a.h', 'sub/b.h', '../a.h', 'sub/../b.h', './c.h'];
const CHAIN = ['/i', '/j', '/k'];

function randomText(next: Chance): string {
  const ops = ['include', 'include', 'include', 'include_next', 'import'];
  const line = (): string => {
    const name = next.of(INCLUDED);
    if (next.below(6) === 0) return `#if __has_include(<${name}>)\n#endif\n`;
    const word = next.below(2) === 0 ? `"${name}"` : `<${name}>`;
    return `#${next.of(ops)} ${word}\n`;
  };
  return Array.from({ length: next.below(4) }, line).join('');
}

function randomChange(files: Files, next: Chance): void {
  const path = `${next.of(DIRECTORIES)}/${next.of(NAMES)}`;
  const how = next.below(9);
  // What lies below a file, or behind a link to nothing, is asked for in every walk: then none is known.
  if ((path.endsWith('/sub') || how === 7) && next.below(20) > 0) return;
  const other = files.nodes.get(`${next.of(DIRECTORIES)}/${next.of(NAMES)}`);
  if (how === 8 && other !== undefined && 'text' in other) files.put(path, other);
  else if (how < 3) files.put(path, { text: randomText(next) });
  else if (how < 5) files.remove(path);
  else if (how === 5) files.put(path, { names: new Set() });
  else if (how === 6) files.put(path, { target: next.of([...files.nodes.keys()]) });
  else files.put(path, { target: `${next.of(DIRECTORIES)}/${next.of([...NAMES, ''])}` });
}

function inputOver(view: FileView): WalkInput {
  return {
    cwd: '/p',
    source: 'main.c',
    family: 'gcc',
    language: 'c',
    forcedIncludes: [],
    commandLineDefines: [],
    search: { quote: [], bracket: CHAIN, missing: [] },
    view,
  };
}

/** A list as a compiler could print it: of the files of a walk some, the source first. */
function randomTruth(files: readonly string[], next: Chance): ReadonlySet<string> | undefined {
  const how = next.below(4);
  if (how < 2) return undefined;
  return new Set(files.filter((_, i) => how === 2 || i === 0 || next.below(4) > 0));
}

test('walks with a memory find what walks without any find, whatever has changed between', () => {
  const next = chance(SEED);
  const files = new Files();
  for (const directory of DIRECTORIES) files.put(directory, { names: new Set() });
  const lookups = createLookups(CHAIN);
  const knownWalks = createKnownWalks(100);
  const before = new Set<Walk>();
  const source = (): string => `${randomText(next)}#include <a.h>\n#include "sub/b.h"\n`;
  files.put('/p/main.c', { text: source() });
  let found = 0;
  let known = 0;
  for (let step = 0; step < STEPS; step += 1) {
    for (let changes = next.below(2) * next.below(4); changes > 0; changes -= 1) randomChange(files, next);
    if (next.below(5) === 0) files.put('/p/main.c', { text: source() });
    for (const family of ['gcc', 'clang'] as const) {
      const whole = { ...inputOver(files), family };
      const truth = randomTruth(walk(whole).files, next);
      const input = truth === undefined ? whole : { ...whole, truth };
      const plain = walk(input);
      const where = `seed ${SEED}, step ${step}, ${family}`;
      expect(walk({ ...input, lookups, moment: {} }), where).toEqual(plain);
      const again = walk({ ...input, lookups, knownWalks, moment: {} });
      expect(again, where).toEqual(plain);
      if (before.has(again)) known += 1;
      before.add(again);
      found = Math.max(found, plain.files.length);
    }
  }
  expect(found, 'walks that lead somewhere').toBeGreaterThan(4);
  expect(known, 'walks that were known').toBeGreaterThan(STEPS / 20);
});

test('nothing is asked again while directories are as they were', () => {
  const files = new Files();
  for (const path of ['/i/a.h', '/j/b.h', '/k/sub/c.h']) files.put(path, { text: '' });
  files.put('/p/main.c', { text: '#include <a.h>\n#include <b.h>\n#include <sub/c.h>\n#include <none.h>\n' });
  const lookups = createLookups(CHAIN);
  const input = { ...inputOver(files), lookups };
  const first = walk({ ...input, moment: {} });
  const asked = files.asked;
  expect(walk({ ...input, moment: {} })).toEqual(first);
  // The source itself, and what its precompiled header would be.
  expect(files.asked - asked).toBeLessThanOrEqual(6);
  files.put('/j/a.h', { text: '' });
  expect(walk({ ...input, moment: {} })).toEqual(first);
  files.put('/i/b.h', { text: '' });
  expect(walk({ ...input, moment: {} }).files).toEqual(['/p/main.c', '/i/a.h', '/i/b.h', '/k/sub/c.h']);
});
