import { readFileSync, type Stats, statSync } from 'node:fs';
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
    const stats = statOf(path);
    if (stats === undefined) return { kind: 'absent' };
    if (!stats.isFile()) return { kind: 'unreadable', message: 'it is no regular file' };
    if (stats.size > LARGEST) return { kind: 'unreadable', message: 'it is larger than 1 MiB' };
    const foreign = stats.uid !== uid && stats.uid !== 0 && stats.uid !== statOf(posix.dirname(path))?.uid;
    try {
      return { kind: 'text', text: fromBytes(readFileSync(fsPath(path))), foreign };
    } catch (error) {
      return { kind: 'unreadable', message: (error as NodeJS.ErrnoException).code ?? String(error) };
    }
  };
}

/** A file in a directory that may not even be searched counts as absent: we look upwards through other people's. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(fsPath(path));
  } catch {
    return undefined;
  }
}
