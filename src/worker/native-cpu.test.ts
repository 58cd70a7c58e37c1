/** A worker compiles for the processor it is told, never for its own. The words here are of one from 2008. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { findTool, need, testWith, tool } from '../../test/bed/tools.ts';
import { fromNative } from '../base/byte-string.ts';
import { sha256 } from '../base/digest.ts';
import type { CompileSpec } from '../contract/generated/hybridgrid/v1/build.ts';
import { nsrun, sandboxes, temporaryDirectory } from './testing/bed.ts';
import { type BlobHost, blobHost } from './testing/blobs.ts';
import { realSpec, type TestCoordinator, testCoordinator } from './testing/coordinator.ts';
import { serveWorker } from './worker.ts';

const SOURCE = 'void f(float *a, const float *b, int n) { for (int i = 0; i < n; i++) a[i] = b[i] * a[i] + 1; }\n';
const x86 = need(() => (process.arch === 'x64' ? undefined : 'gcc elsewhere has no such words'));

let blobs: BlobHost;
let coordinator: TestCoordinator;
let stop: AbortController;
let left: Promise<void> | undefined;

beforeEach(async () => {
  blobs = await blobHost();
  coordinator = await testCoordinator({ blobs });
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  coordinator.kill();
  await left;
  blobs.close();
});

async function startWorker(): Promise<void> {
  const where = { coordinator: { host: '127.0.0.1', port: coordinator.port }, workDir: temporaryDirectory() };
  const who = { slots: 1, diskBytes: 1e9, workerId: 'w1', takesToolchains: true, version: '0.0.0', engine: '' };
  const closed = { listen: { kind: 'off' }, insecure: false } as const;
  left = serveWorker({ ...where, ...who, ...closed, log: () => {}, signal: stop.signal, nsrun: nsrun() });
  await coordinator.hello();
}

const GCC: CompileSpec['native'] = {
  $case: 'gccNative',
  value: { arch: ['-march=bonnell', '-mno-cx16'], tune: ['-mtune=bonnell'] },
};
const CLANG: CompileSpec['native'] = { $case: 'clangNative', value: { cpu: 'bonnell', features: ['-cx16', '+ssse3'] } };
const TOLD_CLANG = ['-cx16', '+ssse3'].flatMap((feature) => ['-Xclang', '-target-feature', '-Xclang', feature]);

for (const [compiler, native, told] of [
  ['gcc', GCC, ['-march=bonnell', '-mno-cx16', '-mtune=bonnell']],
  ['clang', CLANG, ['-march=bonnell', ...TOLD_CLANG]],
] as const) {
  testWith([x86, sandboxes, tool(compiler)], `${compiler}: another processor than its own`, async () => {
    await startWorker();
    const cwd = temporaryDirectory();
    writeFileSync(join(cwd, 'a.c'), SOURCE);
    const path = findTool(compiler) as string;
    const plain = (...options: readonly string[]): string => {
      execFileSync(path, ['-O3', ...options, '-g', '-c', 'a.c', '-o', 'plain.o'], { cwd });
      return sha256(readFileSync(join(cwd, 'plain.o')));
    };
    const spec = realSpec(path, ['-O3', '-march=native', '-g'], 'a.c', fromNative(cwd), blobs);
    const outcome = await coordinator.run('1', { ...spec, native });
    const object =
      outcome?.$case === 'result' ? outcome.value.outputs[0]?.digest.toString('hex') : JSON.stringify(outcome);
    expect(object).toBe(plain(...told));
    expect(object).not.toBe(plain('-march=native'));
  });
}
