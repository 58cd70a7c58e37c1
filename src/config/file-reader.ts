import { readFileSync, statSync } from 'node:fs';
import { posix } from 'node:path';
import { fromBytes, fsPath } from '../base/byte-string.ts';
import type { FileRead } from './resolve.ts';

/** Nothing we would call a configuration file is larger. */
const LARGEST = 1024 * 1024;

/**
 * Reads configuration files from disk for the user `uid`. A file is foreign when its owner is neither that user, nor
 * root, nor the owner of the directory it lies in: so a stranger's /tmp/hybridgrid.yaml says nothing about other
 * people's builds below /tmp, while a checkout owned by another user (a bind mount in a container) works.
 */
export function diskReader(uid: number): (path: string) => FileRead {
  return (path) => {
    try {
      const stats = statSync(fsPath(path));
      if (!stats.isFile()) return { kind: 'unreadable', message: 'it is no regular file' };
      if (stats.size > LARGEST) return { kind: 'unreadable', message: 'it is larger than 1 MiB' };
      const foreign = stats.uid !== uid && stats.uid !== 0 && stats.uid !== statSync(fsPath(posix.dirname(path))).uid;
      return { kind: 'text', text: fromBytes(readFileSync(fsPath(path))), foreign };
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      // A component that is no directory, or that may not be searched, hides the file from its owner just the same.
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return { kind: 'absent' };
      return { kind: 'unreadable', message: code ?? String(error) };
    }
  };
}
