/** Delivered results compiled again by the real compiler: nothing to say of right ones, an alarm for a wrong one. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { type Digest, parseDigest } from '../src/base/digest.ts';
import { type Entry, withResult } from '../src/cache/manifest.ts';
import { openManifestStore } from '../src/cache/manifest-store.ts';
import { openDiskBlobStore } from '../src/cas/disk-blob-store.ts';
import { cacheLayout } from '../src/cas/layout.ts';
import { type Bed, HGBUILD, makeBed } from './bed/environment.ts';
import { run, runOk } from './bed/run.ts';
import { testWith, tool } from './bed/tools.ts';
import { readTree, treeDifferences } from './bed/tree.ts';
import { layFiles, runScript } from './bed/twin.ts';

let bed: Bed;
beforeEach(() => {
  bed = makeBed();
});
afterEach(() => bed.remove());

interface Figures {
  readonly hits: number;
  readonly verified: number;
  readonly verifyMismatches: number;
  readonly verifySkipped: number;
}
const figures = async (): Promise<Figures> => (await bed.stats()) as unknown as Figures;

const FILES = {
  'include/a.h': '#define A 1\ninline int twice(int x) { return 2 * x; }\n',
  'a.c': '#include "include/a.h"\nint a(void) { int unused; return A; }\n',
  'b.cpp': '#include <vector>\nint b(std::vector<int> &v) { return v.size(); }\n',
  'c.c': 'int c(void) { return __LINE__; }\n',
  's.S': '\t.globl s\ns:\t.byte 300\n',
};
/** Depfiles of all kinds, warnings with and without place, debug information, the default name, assembler text. */
const SCRIPT = `
  mkdir -p out
  gcc -Wall -g -MD -c a.c -o out/a.o
  gcc -Wall -MMD -MP -MF out/deps.d -c a.c -oout/a2.o
  gcc -Wall -MD -MT 'x y' -fstack-usage -c a.c -o out/a3.o
  g++ -O2 -g -MMD -MQ '$(obj)' -c b.cpp -o out/b.o
  gcc -c c.c
  gcc -S -O1 c.c -o out/c.s
  gcc -c s.S -o out/s.o
`;
const COMPILES = 7;

/** Lays files that are old enough to be trusted at once, builds them cold, and then gives what a warm build shows. */
async function warm(files: Record<string, string>, script: string, env: NodeJS.ProcessEnv): Promise<void> {
  layFiles(bed.work, files);
  await runOk([HGBUILD, 'agent', 'start'], { env: bed.env });
  await runScript(bed, 'find . -exec touch -d "1 hour ago" {} +', 'plain');
  for (let round = 0; round < 2; round += 1) {
    const { status, stderr } = await runScript(bed, script, 'cached', { env });
    if (status !== 0) throw new Error(stderr.toString());
    await bed.flush();
  }
}

/** Waits until so many deliveries were compared or given up. */
async function settled(count: number): Promise<Figures> {
  let seen = await figures();
  const isDone = async (): Promise<boolean> => {
    seen = await figures();
    return seen.verified + seen.verifySkipped >= count;
  };
  for (let left = 20; left > 0 && !(await isDone()); left -= 1) await new Promise((next) => setTimeout(next, 250));
  return seen;
}

testWith([tool('gcc'), tool('g++')], 'right results are compared whole, and the tree is as it was', async () => {
  await warm(FILES, SCRIPT, { HG_VERIFY: '100%' });
  const before = readTree(bed.work);
  const seen = await settled(COMPILES);
  expect(seen, JSON.stringify(seen)).toMatchObject({
    hits: COMPILES,
    verified: COMPILES,
    verifyMismatches: 0,
    verifySkipped: 0,
  });
  expect(treeDifferences(before, readTree(bed.work))).toEqual([]);
});

testWith([tool('clang')], 'results of clang likewise', async () => {
  const script = SCRIPT.replaceAll('g++', 'clang++').replaceAll('gcc', 'clang').replace('-fstack-usage', '');
  await warm({ ...FILES, 's.S': '\t.globl s\ns:\t.byte 30\n' }, script, { HG_VERIFY: '100%' });
  expect(await settled(COMPILES)).toMatchObject({ hits: COMPILES, verified: COMPILES, verifyMismatches: 0 });
});

testWith([tool('gcc')], 'nothing is compiled again where it is off', async () => {
  await warm({ 'c.c': 'int c;\n' }, 'gcc -c c.c', {});
  await runOk([HGBUILD, 'gcc', '-c', 'c.c'], { cwd: bed.work, env: { ...bed.env, HG_VERIFY: '100%' } });
  // The deliveries before it would have been compared before it.
  expect(await settled(1)).toMatchObject({ hits: 2, verified: 1, verifySkipped: 0 });
});

testWith([tool('gcc')], 'of results that hold the names of outputs nothing is said', async () => {
  const script = 'gcc -g -gsplit-dwarf -c d.c; gcc --coverage -c d.c -o e.o; gcc -flto -c d.c -o f.o';
  await warm({ 'd.c': 'int d(void) { return 1; }\n' }, script, { HG_VERIFY: '100%' });
  expect(await settled(3)).toMatchObject({ verified: 0, verifySkipped: 3, verifyMismatches: 0 });
});

/** Puts other bytes into the place of every object of the cache, with a right digest, checksum and manifest. */
async function plantWrongObjects(change: (object: Buffer) => Buffer): Promise<number> {
  const layout = cacheLayout(bed.cacheDir);
  const blobs = await openDiskBlobStore(layout);
  const manifests = openManifestStore(layout);
  let planted = 0;
  for (const key of keysIn(layout.manifests)) {
    for (const entry of manifests.read(key)?.entries ?? []) {
      const object = entry.outputs.find(({ role }) => role === 'object');
      const bytes = object && (await blobs.read(object.ref));
      const stored = bytes && (await blobs.put(change(bytes)));
      if (stored?.kind !== 'stored') throw new Error('an object cannot be changed');
      const outputs = entry.outputs.map((output) => (output === object ? { ...output, ref: stored.ref } : output));
      manifests.update(key, (found) => found && withResult(found, found.entries[0] as Entry, { outputs }));
      planted += 1;
    }
  }
  return planted;
}

function keysIn(directory: string): Digest[] {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  return names.flatMap((name) => parseDigest(/([0-9a-f]{64})\.json$/.exec(name)?.[1] ?? '') ?? []);
}

function flipped(object: Buffer): Buffer {
  const changed = Buffer.from(object);
  changed[64] = (changed[64] as number) ^ 1;
  return changed;
}

testWith([tool('gcc')], 'a wrong object is an alarm, leaves the cache and is not delivered again', async () => {
  const env = { HG_VERIFY: '100%' };
  layFiles(bed.work, FILES);
  await runOk([HGBUILD, 'agent', 'start'], { env: bed.env });
  await runScript(bed, 'find . -exec touch -d "1 hour ago" {} +; gcc -c c.c; mv c.o plain.o', 'plain');
  const plain = readFileSync(join(bed.work, 'plain.o'));
  await runScript(bed, 'gcc -c c.c', 'cached', { env });
  await bed.flush();
  expect(await plantWrongObjects(flipped)).toBe(1);
  await runScript(bed, 'gcc -c c.c', 'cached', { env });
  expect(readFileSync(join(bed.work, 'c.o'))).toEqual(flipped(plain));
  expect(await settled(1)).toMatchObject({ hits: 1, verified: 1, verifyMismatches: 1 });

  const log = readFileSync(join(bed.cacheDir, 'agent.log'), 'utf8');
  const said = log.split('\n').find((line) => line.includes('WRONG RESULT')) ?? '{}';
  expect(JSON.parse(said)).toMatchObject({
    level: 40,
    source: 'c.c',
    options: ['-c', 'c.c'],
    from: 'local',
    toolchain: expect.stringMatching(/^[0-9a-f]{64}$/),
    version: expect.stringContaining('gcc'),
    mismatches: [{ output: 'object', offset: 64 }],
  });
  const [name = ''] = readdirSync(join(bed.cacheDir, 'v1/quarantine'));
  const kept = join(bed.cacheDir, 'v1/quarantine', name);
  expect(readFileSync(join(kept, 'object'))).toEqual(flipped(plain));
  expect(JSON.parse(readFileSync(join(kept, 'report.json'), 'utf8'))).toMatchObject({ source: 'c.c', cwd: bed.work });

  const doctor = (): ReturnType<typeof run> => run([HGBUILD, 'doctor'], { cwd: bed.work, env: bed.env });
  expect((await doctor()).stdout.toString()).toMatch(/fail +results +1 of 1 compiled again were wrong/);
  await runOk([HGBUILD, 'stats', '--zero'], { env: bed.env });
  expect((await doctor()).stdout.toString()).not.toMatch(/results/);

  for (const hits of [0, 1]) {
    await runScript(bed, 'gcc -c c.c', 'cached', { env });
    expect(readFileSync(join(bed.work, 'c.o'))).toEqual(plain);
    expect(await figures()).toMatchObject({ hits });
  }
  expect(await settled(1)).toMatchObject({ verified: 1, verifyMismatches: 0 });
});

testWith([tool('gcc')], 'a header that has changed since is no alarm', async () => {
  await warm(FILES, 'gcc -Wall -c a.c', { HG_VERIFY: '100%' });
  layFiles(bed.work, { 'include/a.h': '#define A 2\n' });
  expect(await settled(1)).toMatchObject({ verified: 0, verifySkipped: 1, verifyMismatches: 0 });
});
