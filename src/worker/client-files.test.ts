import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { until } from '../../test/bed/processes.ts';
import { sha256 } from '../base/digest.ts';
import type { Held, WantedBlob } from './blob-cache.ts';
import { type ClientFiles, clientFiles, type Laid, type WantedFile } from './client-files.ts';
import { temporaryDirectory } from './testing/bed.ts';

/** Blobs in a directory, with a note of each that was asked for. */
function blobs() {
  const directory = temporaryDirectory();
  const asked: string[] = [];
  return {
    asked,
    file(path: string, text: string, mtimeNs = 0n, executable = false): WantedFile {
      const digest = sha256(text);
      if (!existsSync(join(directory, digest))) writeFileSync(join(directory, digest), text, { mode: 0o444 });
      return { path, digest, size: text.length, mtimeNs, executable };
    },
    async hold(wanted: readonly WantedBlob[]): Promise<Held> {
      asked.push(...wanted.map(({ digest }) => digest));
      return { kind: 'held', pathOf: (digest) => join(directory, digest), release: () => {} };
    },
  };
}

function laid(answer: Laid): Extract<Laid, { kind: 'laid' }> {
  if (answer.kind !== 'laid') throw new Error(JSON.stringify(answer));
  return answer;
}

let time = 1e6;
function newFiles(limitBytes = 1e6): ClientFiles {
  return clientFiles({ directory: temporaryDirectory(), limitBytes, idleMs: 600_000, now: () => time });
}

test('equal files under two names are two files, with their times; asked again they are the same', async () => {
  const store = blobs();
  const files = newFiles();
  const wanted = [store.file('/a.h', 'x', 7_000_000_000n), store.file('/b.h', 'x', 8_500_000_000n, true)];
  const [a, b] = laid(await files.lay('me', wanted, store.hold)).sources.map((path) => statSync(path));
  expect(a?.ino).not.toBe(b?.ino);
  expect([a?.mtimeMs, b?.mtimeMs]).toEqual([7000, 8500]);
  expect([a?.mode, b?.mode].map((mode) => (mode ?? 0) & 0o777)).toEqual([0o444, 0o555]);
  const again = laid(await files.lay('me', wanted, store.hold));
  expect(again.sources.map((path) => statSync(path).ino)).toEqual([a?.ino, b?.ino]);
  expect(store.asked).toHaveLength(2);
  expect(files.usedBytes()).toBe(2);
});

test('no two clients share a file, nor two contents or two times of one path', async () => {
  const store = blobs();
  const files = newFiles();
  const one = laid(await files.lay('one', [store.file('/a.h', 'x')], store.hold));
  const two = laid(await files.lay('two', [store.file('/a.h', 'x')], store.hold));
  const changed = laid(await files.lay('one', [store.file('/a.h', 'y')], store.hold));
  const touched = laid(await files.lay('one', [store.file('/a.h', 'x', 9n)], store.hold));
  expect(new Set([one, two, changed, touched].map(({ sources }) => sources[0])).size).toBe(4);
  expect(readFileSync(one.sources[0] as string, 'utf8')).toBe('x');
});

test('many tasks of a client that want the same at once get it once', async () => {
  const store = blobs();
  const files = newFiles();
  const wanted = Array.from({ length: 50 }, (_, i) => store.file(`/${i}`, `text ${i}`));
  const all = await Promise.all([1, 2, 3].map(() => files.lay('me', wanted, store.hold)));
  expect(new Set(all.map((each) => laid(each).sources.join())).size).toBe(1);
  expect(laid(all[0] as Laid).sources.map((path) => readFileSync(path, 'utf8'))[49]).toBe('text 49');
});

test('a file that was changed behind our back is made again', async () => {
  const store = blobs();
  const files = newFiles();
  const path = laid(await files.lay('me', [store.file('/a.h', 'right')], store.hold)).sources[0] as string;
  chmodSync(path, 0o644);
  writeFileSync(path, 'wrong');
  time += 2_000;
  const again = laid(await files.lay('me', [store.file('/a.h', 'right')], store.hold)).sources[0] as string;
  expect(readFileSync(again, 'utf8')).toBe('right');
  // Where the damaged one is shown already, its name would show it for ever.
  expect(again).not.toBe(path);
  expect(existsSync(path)).toBe(false);
});

test('blobs that cannot be had, and a copy that cannot be made, are answers', async () => {
  const store = blobs();
  const files = newFiles();
  const absent = async (): Promise<Held> => ({ kind: 'absent', digests: [sha256('x')] });
  expect(await files.lay('me', [store.file('/a.h', 'x')], absent)).toEqual({ kind: 'absent', digests: [sha256('x')] });
  const gone = async (): Promise<Held> => ({ kind: 'held', pathOf: () => '/no/such/blob', release: () => {} });
  expect(await files.lay('me', [store.file('/a.h', 'x')], gone)).toEqual({ kind: 'failed', why: 'ENOENT' });
  laid(await files.lay('me', [store.file('/a.h', 'x')], store.hold));
});

test('an idle client is forgotten, one at work is not', async () => {
  const store = blobs();
  const files = newFiles();
  const idle = laid(await files.lay('idle', [store.file('/a.h', 'x')], store.hold));
  const busy = laid(await files.lay('busy', [store.file('/a.h', 'x')], store.hold));
  idle.release();
  time += 599_999;
  files.sweep();
  expect(existsSync(idle.sources[0] as string)).toBe(true);
  time += 1;
  files.sweep();
  expect(await until(() => !existsSync(idle.sources[0] as string))).toBe(true);
  expect(existsSync(busy.sources[0] as string)).toBe(true);
  expect(files.usedBytes()).toBe(1);
});

test('beyond the limit the least recently used client begins anew', async () => {
  const store = blobs();
  const files = newFiles(250);
  const lay = async (client: string) => {
    time += 1;
    return laid(await files.lay(client, [store.file('/a', 'a'.repeat(100))], store.hold));
  };
  const all = [await lay('one'), await lay('two'), await lay('three')] as const;
  for (const each of all) each.release();
  expect(await until(() => !existsSync(all[0].sources[0] as string))).toBe(true);
  expect(all.map(({ sources }) => existsSync(sources[0] as string))).toEqual([false, true, true]);
  expect(files.usedBytes()).toBe(200);
  const again = await lay('one');
  expect(readFileSync(again.sources[0] as string, 'utf8')).toBe('a'.repeat(100));
});

test('a client that alone is too large begins anew when the last of its tasks is done', async () => {
  const store = blobs();
  const files = newFiles(150);
  const first = laid(await files.lay('me', [store.file('/a', 'a'.repeat(100))], store.hold));
  const second = laid(await files.lay('me', [store.file('/b', 'b'.repeat(100))], store.hold));
  second.release();
  expect(existsSync(first.sources[0] as string)).toBe(true);
  expect(files.usedBytes()).toBe(0);
  first.release();
  expect(await until(() => !existsSync(first.sources[0] as string))).toBe(true);
});
