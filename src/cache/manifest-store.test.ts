import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { afterAll, describe, expect, test } from 'vitest';
import { sha256 } from '../base/digest.ts';
import { type CacheLayout, cacheLayout, parentOf, shardedPath } from '../cas/layout.ts';
import { type Entry, inputsOf, type Manifest, type NewEntry } from './manifest.ts';
import { openManifestStore } from './manifest-store.ts';
import { bundled } from './testing/bundled.ts';
import type { WriterTask } from './testing/manifest-writer.ts';

const scratch = mkdtempSync(join(tmpdir(), 'hg-manifests-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const WRITER = bundled('manifest-writer.ts', scratch);

let made = 0;
function freshLayout(): CacheLayout {
  made += 1;
  return cacheLayout(`${scratch}/${made}`);
}

const key = sha256('fingerprint');
const fields = [{ tag: 'source', value: '/a.c' }] as const;

function entry(text: string): NewEntry {
  return {
    inputs: [{ path: '/a.c', digest: sha256(text), flags: 0 }],
    present: [],
    absent: [],
    outputs: [],
    stderr: { kind: 'inline', text },
    colour: 'plain',
    compileMs: 1,
    cpuMs: 1,
    storedAt: 1,
  };
}

function texts(layout: CacheLayout): string[] {
  const entries = openManifestStore(layout).read(key)?.entries ?? [];
  return entries.map(({ stderr }) => (stderr.kind === 'inline' ? stderr.text : ''));
}

describe('a manifest store', () => {
  test('adds, reads, marks and drops', async () => {
    const layout = freshLayout();
    const store = openManifestStore(layout, () => 2_000_000_000_000);
    expect(store.read(key)).toBeUndefined();
    expect(store.add(key, fields, entry('one'))).toMatchObject({ kind: 'stored' });
    store.add(key, fields, entry('two'));
    expect(texts(layout)).toEqual(['two', 'one']);
    expect(store.read(key)?.fields).toEqual(fields);
    expect(store.read(key)).toBe(store.read(key));
    const path = shardedPath(layout.manifests, key, '.json');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    store.touch(key);
    await store.flush();
    expect(statSync(path).mtimeMs).toBe(2_000_000_000_000);
    store.drop(key);
    expect(store.read(key)).toBeUndefined();
    expect(readdirSync(layout.tmp)).toEqual([]);
  });

  test('a manifest that is read after it was written or used is not decoded again', async () => {
    const layout = freshLayout();
    let time = Date.now();
    const store = openManifestStore(layout, () => time);
    const path = shardedPath(layout.manifests, key, '.json');
    store.add(key, fields, entry('one'));
    const written = statSync(path).mtimeMs;
    const manifest = store.read(key);
    expect(manifest?.entries).toHaveLength(1);
    store.touch(key);
    await store.flush();
    expect(statSync(path).mtimeMs).toBe(written);
    expect(store.read(key)).toBe(manifest);
    // What is remembered of it is what another reads in the file.
    expect(openManifestStore(layout).read(key)).toEqual(manifest);
    time += 3_700_000;
    store.touch(key);
    await store.flush();
    expect(statSync(path).mtimeMs).toBeCloseTo(time, -1);
    expect(store.read(key)).toEqual(manifest);
  });

  test('sees what another process wrote, although it remembers', () => {
    const layout = freshLayout();
    const [one, other] = [openManifestStore(layout), openManifestStore(layout)];
    one.add(key, fields, entry('one'));
    expect(one.read(key)?.entries).toHaveLength(1);
    other.add(key, fields, entry('two'));
    expect(one.read(key)?.entries).toHaveLength(2);
    one.update(key, (found) => {
      expect(found?.entries).toHaveLength(2);
      return undefined;
    });
    expect(other.read(key)).toBeUndefined();
  });

  test('merges again when somebody was faster', () => {
    const layout = freshLayout();
    const [slow, fast] = [openManifestStore(layout), openManifestStore(layout)];
    let merges = 0;
    slow.update(key, (found) => {
      merges += 1;
      if (merges === 1) fast.add(key, fields, entry('fast'));
      return merges === 1 ? undefined : found;
    });
    // Dropping is not merged: it removes what it saw or newer, and costs one compile.
    expect(texts(layout)).toEqual([]);
    merges = 0;
    fast.add(key, fields, entry('first'));
    slow.update(key, (found) => {
      merges += 1;
      if (merges === 1) fast.add(key, fields, entry('second'));
      return found;
    });
    expect(merges).toBe(2);
    expect(texts(layout)).toEqual(['second', 'first']);
  });

  const damages: Record<string, (path: string) => void> = {
    truncated: (path) => truncateSync(path, 300),
    empty: (path) => truncateSync(path, 0),
    'a flipped bit': (path) => {
      const bytes = readFileSync(path);
      bytes[250] = (bytes[250] as number) ^ 4;
      writeFileSync(path, bytes);
      // Within one tick of a coarse clock the file would be the one that was written before.
      utimesSync(path, 5, 5);
    },
    garbage: (path) => writeFileSync(path, '\x00\xff{'),
    'a directory': (path) => {
      rmSync(path);
      mkdirSync(`${path}/full`, { recursive: true });
    },
  };
  for (const [name, damage] of Object.entries(damages)) {
    test(`drops a damaged file (${name}) and stores again`, () => {
      const layout = freshLayout();
      const store = openManifestStore(layout);
      store.add(key, fields, entry('one'));
      const path = shardedPath(layout.manifests, key, '.json');
      store.read(key);
      damage(path);
      expect(store.read(key)).toBeUndefined();
      expect(existsSync(path)).toBe(false);
      store.add(key, fields, entry('one'));
      damage(path);
      expect(store.add(key, fields, entry('two'))).toMatchObject({ kind: 'stored' });
      expect(texts(layout)).toEqual(['two']);
    });
  }

  test('drops a manifest under another name', () => {
    const layout = freshLayout();
    const store = openManifestStore(layout);
    store.add(key, fields, entry('one'));
    const other = sha256('other');
    const wrong = shardedPath(layout.manifests, other, '.json');
    mkdirSync(parentOf(wrong), { recursive: true });
    renameSync(shardedPath(layout.manifests, key, '.json'), wrong);
    expect(store.read(other)).toBeUndefined();
    expect(existsSync(wrong)).toBe(false);
  });

  test('leaves a manifest of another version where it is', () => {
    const layout = freshLayout();
    const store = openManifestStore(layout);
    store.add(key, fields, entry('one'));
    const path = shardedPath(layout.manifests, key, '.json');
    writeFileSync(path, readFileSync(path, 'latin1').replace('"v":1,', '"v":9,'), 'latin1');
    utimesSync(path, 5, 5);
    expect(store.read(key)).toBeUndefined();
    expect(existsSync(path)).toBe(true);
  });

  test('where nothing can be written the answer is a value', () => {
    const layout = freshLayout();
    mkdirSync(layout.root, { recursive: true });
    writeFileSync(`${layout.root}/v1`, '');
    const store = openManifestStore(layout);
    expect(store.read(key)).toBeUndefined();
    expect(store.add(key, fields, entry('one')).kind).toBe('unwritable');
  });

  test('a hundred writers at once leave a whole manifest', async () => {
    const layout = freshLayout();
    const barrier = new Int32Array(new SharedArrayBuffer(8));
    const names = Array.from({ length: 100 }, (_, at) => `writer${at}`);
    const ended = names.map((name) => {
      const task: WriterTask = { root: layout.root, key, name, count: 3, barrier };
      const worker = new Worker(WRITER, { workerData: task });
      return new Promise((resolve) => worker.once('error', resolve).once('exit', resolve));
    });
    for (let ready = 0; ready < names.length; ready = Atomics.load(barrier, 0)) {
      await Atomics.waitAsync(barrier, 0, ready).value;
    }
    Atomics.store(barrier, 1, 1);
    Atomics.notify(barrier, 1);
    expect(await Promise.all(ended)).toEqual(names.map(() => 0));
    const manifest = openManifestStore(layout).read(key) as Manifest;
    const written = new Set(names.flatMap((name) => [0, 1, 2].map((at) => `${name} ${at}`)));
    for (const found of manifest.entries) expectWhole(manifest, found, written);
    // How many survive depends on the scheduler: a writer stopped just before its rename undoes the others' merges.
    expect(manifest.entries.length).toBeGreaterThan(0);
    expect(readdirSync(layout.tmp)).toEqual([]);
  });

  test('writers killed at any moment leave a whole manifest', async () => {
    const layout = freshLayout();
    openManifestStore(layout).add(key, fields, entry('first'));
    for (let round = 0; round < 6; round += 1) {
      const children = [0, 1].map((at) =>
        spawn(process.execPath, [WRITER, layout.root, key, `${round}.${at}`, '100000']),
      );
      const before = texts(layout)[0];
      while (texts(layout)[0] === before) await setTimeout(5);
      await setTimeout(round * 7);
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(children.map((child) => new Promise((resolve) => child.once('exit', resolve))));
      expect(texts(layout).length).toBeGreaterThan(0);
    }
  });

  function expectWhole(manifest: Manifest, found: Entry, written: ReadonlySet<string>): void {
    const text = found.stderr.kind === 'inline' ? found.stderr.text : '';
    expect(written).toContain(text);
    expect(inputsOf(manifest, found)[1]?.digest).toBe(sha256(text));
  }
});
