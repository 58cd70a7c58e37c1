import { isMainThread, workerData } from 'node:worker_threads';
import { type Digest, sha256 } from '../../base/digest.ts';
import { cacheLayout } from '../../cas/layout.ts';
import { openManifestStore } from '../manifest-store.ts';

/** What a writer does; as a process it gets the first four as its arguments. */
export interface WriterTask {
  readonly root: string;
  readonly key: string;
  readonly name: string;
  readonly count: number;
  /** `[0]` counts the writers that are ready, `[1]` becomes 1 when all are to begin at once. */
  readonly barrier?: Int32Array;
}

/** Adds entries to one manifest and insists on finding a whole one after each. */
function write({ root, key, name, count, barrier }: WriterTask): void {
  const store = openManifestStore(cacheLayout(root));
  if (barrier) {
    Atomics.add(barrier, 0, 1);
    Atomics.notify(barrier, 0);
    Atomics.wait(barrier, 1, 0);
  }
  for (let at = 0; at < count; at += 1) {
    const written = store.add(key as Digest, [{ tag: 'source', value: '/a.c' }], {
      inputs: [
        { path: '/a.c', digest: sha256('a.c'), flags: 0 },
        { path: '/a.h', digest: sha256(`${name} ${at}`), flags: 0 },
      ],
      present: [],
      absent: [{ dir: '/include', names: ['a.h', `${name}.h`] }],
      outputs: [{ role: 'object', ref: { digest: sha256(name), size: 1, checksum: '0'.repeat(16) } }],
      stderr: { kind: 'inline', text: `${name} ${at}` },
      colour: 'plain',
      compileMs: 1,
      cpuMs: 1,
      storedAt: Date.now(),
    });
    if (written.kind !== 'stored') throw new Error(written.code);
    if (store.read(key as Digest) === undefined) throw new Error('no whole manifest after writing one');
  }
}

const [root = '', key = '', name = '', count = '0'] = process.argv.slice(2);
write(isMainThread ? { root, key, name, count: Number(count) } : (workerData as WriterTask));
