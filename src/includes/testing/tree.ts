import { linkSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** What to put at a relative path: a file's text, a directory, a symbolic link, another name of a file. */
export type Entry = string | { readonly dir: true } | { readonly link: string } | { readonly hardLink: string };

/** A folder of its own with these entries, in the order given. */
export function makeTree(entries: Readonly<Record<string, Entry>>): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'hg-includes-')));
  for (const [path, entry] of Object.entries(entries)) put(root, path, entry);
  return root;
}

export function put(root: string, path: string, entry: Entry): void {
  const at = join(root, path);
  mkdirSync(dirname(at), { recursive: true });
  if (typeof entry === 'string') writeFileSync(at, entry, 'latin1');
  else if ('dir' in entry) mkdirSync(at, { recursive: true });
  else if ('link' in entry) symlinkSync(entry.link, at);
  else linkSync(join(root, entry.hardLink), at);
}

export function removeTree(root: string): void {
  rmSync(root, { recursive: true, force: true });
}

/** Runs `body` in a folder that is gone afterwards. */
export function inTree<T>(entries: Readonly<Record<string, Entry>>, body: (root: string) => T): T {
  const root = makeTree(entries);
  try {
    return body(root);
  } finally {
    removeTree(root);
  }
}
