import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { fromNative } from '../base/byte-string.ts';
import { diskReader } from './file-reader.ts';

const uid = process.getuid?.() ?? 0;
const directory = mkdtempSync(join(tmpdir(), 'hg-config-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('reading configuration files', () => {
  test('a file, no file, and a path through a file', () => {
    const path = join(directory, 'a.yaml');
    writeFileSync(path, 'caché');
    const read = diskReader(uid);
    expect(read(path)).toEqual({ kind: 'text', text: fromNative('caché'), foreign: false });
    expect(read(join(directory, 'none'))).toEqual({ kind: 'absent' });
    expect(read(join(path, 'below'))).toEqual({ kind: 'absent' });
  });

  test('what is no regular file, or too large to be a configuration', () => {
    const read = diskReader(uid);
    expect(read(directory)).toMatchObject({ kind: 'unreadable' });
    const large = join(directory, 'large.yaml');
    writeFileSync(large, ' '.repeat(1024 * 1024 + 1));
    expect(read(large)).toMatchObject({ kind: 'unreadable' });
  });

  test('a file that is there but cannot be read', () => {
    // Reading it fails with EIO, for root as well.
    expect(diskReader(uid)('/proc/self/mem')).toEqual({ kind: 'unreadable', message: 'EIO' });
  });

  test("a stranger's file in a shared directory is foreign, in their own it is not", () => {
    // As root the file is given to somebody; as anybody else /tmp is root's directory and the file is ours.
    const root = uid === 0;
    const shared = join(root ? directory : tmpdir(), `hg-shared-${process.pid}.yaml`);
    const own = join(directory, 'own');
    mkdirSync(own);
    for (const path of [shared, join(own, 'x.yaml')]) writeFileSync(path, '');
    const owner = root ? 4321 : uid;
    for (const path of root ? [shared, own, join(own, 'x.yaml')] : []) chownSync(path, owner, owner);
    try {
      const read = diskReader(owner + 1);
      expect(read(shared)).toMatchObject({ kind: 'text', foreign: true });
      expect(read(join(own, 'x.yaml'))).toMatchObject({ kind: 'text', foreign: false });
      expect(diskReader(owner)(shared)).toMatchObject({ foreign: false });
    } finally {
      rmSync(shared);
    }
  });
});
