import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { sha256 } from '../base/digest.ts';
import { type BlobRef, type BlobStore, type LocalBlobStore, type Stored, SYNC_LIMIT } from './blob-store.ts';

/** The ref of something that must have been stored. */
export function refOf(stored: Stored): BlobRef {
  if (stored.kind !== 'stored') throw new Error(`not stored: ${stored.code}`);
  return stored.ref;
}

const absent: BlobRef = { digest: sha256('never stored'), size: 12, checksum: '0'.repeat(16) };

/** What every blob store promises. */
export function blobStoreContract(name: string, open: () => Promise<BlobStore>): void {
  describe(`${name} is a blob store`, () => {
    for (const size of [0, 1, 4096, SYNC_LIMIT, SYNC_LIMIT + 1]) {
      test(`gives back ${size} bytes`, async () => {
        const store = await open();
        const bytes = randomBytes(size);
        const ref = refOf(await store.put(bytes));
        expect(ref.digest).toBe(sha256(bytes));
        expect(ref.size).toBe(size);
        expect((await store.read(ref))?.equals(bytes)).toBe(true);
      });
    }

    test('describes bytes by XXH64 with seed 0', async () => {
      const store = await open();
      // The values of the reference implementation for "" and "abc".
      expect(refOf(await store.put(Buffer.from(''))).checksum).toBe('ef46db3751d8e999');
      expect(refOf(await store.put(Buffer.from('abc'))).checksum).toBe('44bc2cf5ad770999');
    });

    test('answers undefined for what it never had, and for a ref with another size', async () => {
      const store = await open();
      expect(await store.read(absent)).toBeUndefined();
      const ref = refOf(await store.put(Buffer.from('some')));
      expect(await store.read({ ...ref, size: 5 })).toBeUndefined();
    });

    test('keeps equal bytes once, and forgets what is dropped', async () => {
      const store = await open();
      const first = refOf(await store.put(Buffer.from('twice')));
      expect(refOf(await store.put(Buffer.from('twice')))).toEqual(first);
      store.drop(first.digest);
      store.drop(first.digest);
      expect(await store.read(first)).toBeUndefined();
    });

    test('is not changed by what its callers do to their buffers', async () => {
      const store = await open();
      const bytes = Buffer.from('mine');
      const ref = refOf(await store.put(bytes));
      bytes[0] = 0;
      const got = await store.read(ref);
      got?.fill(0);
      expect(await store.read(ref)).toEqual(Buffer.from('mine'));
    });

    test('takes a mark of use for anything', async () => {
      const store = await open();
      store.touch(absent.digest);
      expect(await store.read(absent)).toBeUndefined();
    });
  });
}

/** What a store that other processes read and feed promises beyond that. */
export function localBlobStoreContract(name: string, open: () => Promise<LocalBlobStore>): void {
  blobStoreContract(name, open);

  function tmp(store: LocalBlobStore): string {
    const path = store.newTmpPath('o');
    if (typeof path !== 'string') throw new Error(path.code);
    return path;
  }

  describe(`${name} is a local blob store`, () => {
    for (const size of [0, 3, SYNC_LIMIT + 1]) {
      test(`adopts and locates a file of ${size} bytes`, async () => {
        const store = await open();
        const path = tmp(store);
        const bytes = randomBytes(size);
        writeFileSync(path, bytes);
        const ref = refOf(await store.adopt(path));
        expect(ref).toEqual(refOf(await store.put(bytes)));
        expect(existsSync(path)).toBe(false);
        const found = await store.locate(ref);
        expect(readFileSync(found as string).equals(bytes)).toBe(true);
        expect(statSync(found as string).mode & 0o777).toBe(0o600);
        expect((await store.read(ref))?.equals(bytes)).toBe(true);
      });
    }

    for (const size of [0, 3, SYNC_LIMIT + 1]) {
      test(`fills and adopts a file of ${size} bytes`, async () => {
        const store = await open();
        const path = tmp(store);
        const bytes = randomBytes(size);
        expect(store.fill(path, bytes, sha256(bytes))).toBeUndefined();
        expect(readFileSync(path).equals(bytes)).toBe(true);
        const ref = refOf(await store.adopt(path));
        expect(ref).toEqual(refOf(await store.put(bytes)));
        expect(existsSync(path)).toBe(false);
        const found = await store.locate(ref);
        expect(statSync(found as string).mode & 0o777).toBe(0o600);
        expect((await store.read(ref))?.equals(bytes)).toBe(true);
      });
    }

    test('describes a filled file as it is when it is adopted', async () => {
      const store = await open();
      const before = Buffer.from('filled');
      const after = Buffer.from('edited');
      const [edited, replaced] = [tmp(store), tmp(store)];
      for (const path of [edited, replaced]) store.fill(path, before, sha256(before));
      writeFileSync(edited, after);
      // Another second: file systems count in steps of some milliseconds.
      utimesSync(edited, 1, 1);
      rmSync(replaced);
      writeFileSync(replaced, after);
      for (const path of [edited, replaced]) expect(refOf(await store.adopt(path)).digest).toBe(sha256(after));
    });

    test('takes the word of who fills a file for its digest', async () => {
      const store = await open();
      const path = tmp(store);
      store.fill(path, Buffer.from('bytes'), sha256('said'));
      expect(refOf(await store.adopt(path)).digest).toBe(sha256('said'));
    });

    test('fills no file that is there', async () => {
      const store = await open();
      const path = tmp(store);
      writeFileSync(path, 'mine');
      expect(store.fill(path, Buffer.from('other'), sha256('other'))).toEqual({ kind: 'unwritable', code: 'EEXIST' });
      expect(readFileSync(path, 'latin1')).toBe('mine');
    });

    test('adopting equal bytes again keeps the first file', async () => {
      const store = await open();
      const ref = refOf(await store.put(Buffer.from('same')));
      const before = statSync((await store.locate(ref)) as string).ino;
      const path = tmp(store);
      writeFileSync(path, 'same');
      expect(refOf(await store.adopt(path))).toEqual(ref);
      expect(existsSync(path)).toBe(false);
      expect(statSync((await store.locate(ref)) as string).ino).toBe(before);
    });

    test('never shares an inode with an adopted file that has another name', async () => {
      const store = await open();
      const path = tmp(store);
      writeFileSync(path, 'linked');
      linkSync(path, `${path}.other`);
      const ref = refOf(await store.adopt(path));
      writeFileSync(`${path}.other`, 'edited');
      expect(readFileSync((await store.locate(ref)) as string, 'latin1')).toBe('linked');
    });

    test('refuses to adopt what is absent or no regular file', async () => {
      const store = await open();
      const path = tmp(store);
      expect(await store.adopt(path)).toEqual({ kind: 'unwritable', code: 'ENOENT' });
      symlinkSync('/etc/passwd', path);
      expect(await store.adopt(path)).toEqual({ kind: 'unwritable', code: 'EINVAL' });
      expect(existsSync('/etc/passwd')).toBe(true);
    });

    test('locates nothing for what is absent or has another size', async () => {
      const store = await open();
      expect(await store.locate(absent)).toBeUndefined();
      const ref = refOf(await store.put(Buffer.from('some')));
      expect(await store.locate({ ...ref, size: 5 })).toBeUndefined();
    });
  });
}
