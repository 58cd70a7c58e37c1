import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** The small source tree every generated line is run in. None of it needs system headers: a compile takes 15 ms. */
const TREE: Readonly<Record<string, string>> = {
  'main.c': `#include "inc/a.h"
#include <b.h>
#ifdef FROM_FORCED
int forced_variable = FROM_FORCED;
#endif
static int twice(int x) { return A * x; }
int f(int x) { if (x > 3) return twice(x) + B; else { int unused; return x; } }
`,
  'main.cc': `#include "inc/a.h"
#include <b.h>
namespace { int hidden(int x) { return x + A; } }
template <typename T> T add(T a, T b) { return a + b; }
int g(int x) { return hidden(x) + add(x, B); }
extern "C" int f(int x) { try { return g(x); } catch (...) { return 0; } }
`,
  'asm.S': '#include "inc/a.h"\n\t.text\n\t.globl asm_f\nasm_f:\n\tnop\n\t.long A\n',
  'plain.s': '\t.text\n\t.globl plain_f\nplain_f:\n\tnop\n\t.long 7\n',
  'pre.i': 'int pre(int x) { return x + 3; }\n',
  'pre.ii': 'namespace n { int pre(int x) { return x + 3; } }\n',
  'dir.x/a b.c': '#include "../inc/a.h"\nint spaced(int x) { return x + A; }\n',
  'dir.x/y.z.cpp': '#include "../inc/a.h"\nint dotted(int x) { return x + A; }\n',
  '.hidden.c': 'int hidden(void) { return 1; }\n',
  noextension: 'int noextension(void) { return 1; }\n',
  'ü.c': 'int umlaut(void) { return 1; }\n',
  'inc/a.h': '#pragma once\n#define A 3\n',
  'inc/b.h': '#define B 4\n',
  'sys/b.h': '#define B 5\n',
  'forced.h': '#define FROM_FORCED 6\n',
  'macros.h': '#define FROM_MACROS 6\n',
  'list.txt': 'fun:twice\n',
  'notes.txt': 'nothing\n',
  'out/keep': '',
  'out.d/keep': '',
};

/** Writes the tree into an empty directory. */
export function plantTree(root: string): void {
  for (const [path, text] of Object.entries(TREE)) {
    const full = join(root, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, text);
  }
}

/** True for a file of the tree as planted. */
export function isPlanted(path: string): boolean {
  return Object.hasOwn(TREE, path);
}

/** Every file below a directory with its bytes, by its path relative to it. */
export function readTree(root: string): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  const visit = (directory: string) => {
    for (const name of readdirSync(directory)) {
      const path = join(directory, name);
      if (statSync(path).isDirectory()) visit(path);
      else files.set(relative(root, path), readFileSync(path));
    }
  };
  visit(root);
  return files;
}

/** The files that are new, changed or gone against the tree as planted. */
export function changedFiles(files: ReadonlyMap<string, Buffer>): string[] {
  const changed = [...files].filter(([path, bytes]) => TREE[path] !== bytes.toString('utf8')).map(([path]) => path);
  const gone = Object.keys(TREE).filter((path) => !files.has(path));
  return [...changed, ...gone].sort();
}
