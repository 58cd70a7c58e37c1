import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { diskReader } from './file-reader.ts';

const uid = process.getuid?.() ?? 0;
const directory = mkdtempSync(join(tmpdir(), 'hg-config-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('reading configuration files', () => {
  test('a file, no file, and a path through a file', () => {
    const path = join(directory, 'a.yaml');
    writeFileSync(path, 'caché');
    const read = diskReader(uid);
    expect(read(path)).toEqual({ kind: 'text', text: Buffer.from('caché').latin1Slice(), foreign: false });
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

  test.skipIf(uid === 0)('a file that may not be read', () => {
    const path = join(directory, 'secret.yaml');
    writeFileSync(path, '');
    chmodSync(path, 0);
    expect(diskReader(uid)(path)).toEqual({ kind: 'unreadable', message: 'EACCES' });
  });

  test.skipIf(uid !== 0)("a stranger's file in a shared directory is foreign, in their own it is not", () => {
    const shared = join(directory, 'x.yaml');
    const own = join(directory, 'own');
    mkdirSync(own);
    for (const path of [shared, join(own, 'x.yaml')]) {
      writeFileSync(path, '');
      chownSync(path, 4321, 4321);
    }
    chownSync(own, 4321, 4321);
    const read = diskReader(1234);
    expect(read(shared)).toMatchObject({ kind: 'text', foreign: true });
    expect(read(join(own, 'x.yaml'))).toMatchObject({ kind: 'text', foreign: false });
    expect(diskReader(4321)(shared)).toMatchObject({ foreign: false });
  });
});
