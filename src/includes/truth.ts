import { baseName, tidyPath } from './paths.ts';
import type { FileView } from './port.ts';

/** The compiler's own list of the files it read, asked by path. */
export interface Truth {
  readonly paths: ReadonlySet<string>;
  /** Whether a path is listed in just this spelling. */
  has(path: string): boolean;
  /** The listed path that names the same file: by its spelling, else by device and inode. */
  match(path: string): { readonly path: string; readonly alias: boolean } | undefined;
  /** Whether the list holds a file of this name in some directory. */
  hasName(name: string): boolean;
  /** Whether the list holds exactly this path. */
  lists(path: string): boolean;
}

export function createTruth(paths: ReadonlySet<string>, view: FileView): Truth {
  const untidy = new Map<string, string>();
  for (const path of paths) {
    const tidy = tidyPath(path);
    if (tidy !== path) untidy.set(tidy, path);
  }
  const spelled = (path: string) => (paths.has(path) ? path : untidy.get(path));
  let names: Set<string> | undefined;
  let byIdentity: ReadonlyMap<string, string> | undefined;
  let inodes: ReadonlySet<number | undefined> | undefined;
  /** Whether some listed path may be the same file. */
  const mayBeListed = (path: string): boolean => {
    if (view.inodeOf === undefined) return true;
    inodes ??= new Set(Array.from(paths, (path) => view.inodeOf?.(path)));
    return inodes.has(view.inodeOf(path));
  };
  return {
    paths,
    has: (path) => paths.has(path),
    hasName(name) {
      names ??= new Set(Array.from(paths, baseName));
      return names.has(name);
    },
    lists: (path) => spelled(path) !== undefined,
    match(path) {
      const same = spelled(path);
      if (same !== undefined) return { path: same, alias: false };
      const identity = mayBeListed(path) ? view.identityOf?.(path) : undefined;
      if (identity === undefined) return undefined;
      byIdentity ??= identities(paths, view);
      const other = byIdentity.get(identity);
      return other === undefined ? undefined : { path: other, alias: true };
    },
  };
}

function identities(paths: ReadonlySet<string>, view: FileView): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const path of paths) {
    const identity = view.identityOf?.(path);
    if (identity !== undefined && !found.has(identity)) found.set(identity, path);
  }
  return found;
}
