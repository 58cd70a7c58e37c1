/** A compile that a launcher has begun while it is under way elsewhere, too: what remains when the other answer comes. */
import { execFileSync, spawn } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import xxhash from 'xxhash-wasm';
import { type Check, encodeHit, encodeReport } from '../src/agent/answers.ts';
import { encodeCheck } from '../src/agent/encoded-checks.ts';
import { decodeEnded, type Frame, frameCutter } from '../src/agent/wire.ts';
import { type Bed, LAUNCHER, makeBed } from './bed/environment.ts';
import { processesWithEnv, processNow, type Running, signalProcess, until } from './bed/processes.ts';
import { runOk } from './bed/run.ts';
import { testWith, tool } from './bed/tools.ts';
import { layFiles } from './bed/twin.ts';

let bed: Bed;
let server: Server | undefined;
let talk: Socket | undefined;
let frames: Frame[] = [];
beforeEach(() => {
  bed = makeBed();
  frames = [];
  mkdirSync(join(bed.root, 'tmp'));
});
afterEach(async () => {
  talk?.destroy();
  server?.close();
  for (const { pid } of marked()) signalProcess(pid, 'SIGKILL');
  await bed.remove();
});

const marked = (): Running[] => processesWithEnv('HG_TEST_MARK', bed.root);
const named = (name: string): Running | undefined => marked().find((one) => one.name === name);
const inWork = (name: string): string => join(bed.work, name);

/** An agent of the test's own: it tells every launcher to compile, and what comes later is up to the test. */
async function listen(): Promise<void> {
  const asked = await runOk([LAUNCHER, '--hg-socket-path'], { env: bed.env });
  const captures = ['a.o', 'a.d'].map((from) => ({ from, to: join(bed.root, `captured-${from}`) }));
  server = createServer((socket) => {
    const cutter = frameCutter();
    talk = socket;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      for (const frame of cutter.push(chunk) ?? []) {
        if (frame.type !== 'compile') frames.push(frame);
        else socket.write(encodeReport({ run: 'race', note: '[local]\n', stdoutPath: '', args: [], captures }));
      }
    });
  });
  await new Promise<void>((resolve) => server?.listen(asked.stdout.toString().trim(), resolve));
}

interface Ending {
  readonly status: number | null;
  readonly by: NodeJS.Signals | null;
  readonly stderr: string;
}

interface Waiting {
  readonly ended: Promise<Ending>;
  /** What it has shown so far. */
  shown(): string;
  signal(name: NodeJS.Signals): void;
}

/** Starts a compile that waits for somebody to write a header: then it goes on. */
async function startWaiting(source = '', { compiler = 'gcc', prefix = '', flags = '' } = {}): Promise<Waiting> {
  layFiles(bed.work, { 'a.c': `${source}#include "waits.h"\nint a = A;\n` });
  rmSync(inWork('waits.h'), { force: true });
  execFileSync('mkfifo', [inWork('waits.h')]);
  await listen();
  const env = { ...bed.env, HG_TEST_MARK: bed.root, TMPDIR: join(bed.root, 'tmp') };
  const line = `${prefix} exec ${LAUNCHER} ${compiler} ${flags} -MD -c a.c -o a.o`;
  const child = spawn('sh', ['-c', line], { cwd: bed.work, env, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const ended = new Promise<Ending>((resolve) => child.on('close', (status, by) => resolve({ status, by, stderr })));
  expect(await until(() => named(compiler === 'gcc' ? 'cc1' : 'clang') !== undefined), 'the compiler runs').toBe(true);
  return { ended, shown: () => stderr, signal: (name) => signalProcess(child.pid, name) };
}

const goOn = (): void => writeFileSync(inWork('waits.h'), '#define A 1\n');

/** The answer from elsewhere: an object and a depfile that no compiler makes, so that they are known again. */
async function answerFromElsewhere(checks: readonly Check[] = []): Promise<void> {
  const { h64Raw } = await xxhash();
  const outputs = ['a.d', 'a.o'].map((dest) => {
    const bytes = Buffer.from(`${dest} from elsewhere`);
    const blob = join(bed.root, `blob-${dest}`);
    writeFileSync(blob, bytes);
    const checksum = h64Raw(bytes).toString(16).padStart(16, '0');
    return { blob, size: bytes.length, checksum, dest, opening: dest === 'a.o' ? 'like-bfd' : 'in-place' } as const;
  });
  talk?.write(
    encodeHit({ note: '[remote]\n', checks: checks.map(encodeCheck), outputs, stderr: 'a warning from elsewhere\n' }),
  );
}

const isFromElsewhere = (): readonly boolean[] =>
  ['a.o', 'a.d'].map((name) => readFileSync(inWork(name), 'latin1') === `${name} from elsewhere`);
const nothingIsLeft = (): Promise<boolean> =>
  until(() => marked().filter(({ pid }) => !bed.agents().includes(pid)).length === 0, 2_000);

for (const [what, flags] of [
  ['', ''],
  [', with a pipe to the assembler', '-pipe'],
] as const)
  test(`the other answer comes first: the compiler is stopped, and its result is what remains${what}`, async () => {
    const { ended } = await startWaiting('', { flags });
    await answerFromElsewhere();
    expect(await ended).toEqual({ status: 0, by: null, stderr: '[remote]\na warning from elsewhere\n' });
    expect(isFromElsewhere()).toEqual([true, true]);
    expect(frames.map(({ type }) => type)).toEqual(['done']);
    expect(await nothingIsLeft()).toBe(true);
    expect(readdirSync(join(bed.root, 'tmp'))).toEqual([]);
  });

testWith([tool('clang')], 'clang is stopped without a trace, too', async () => {
  const { ended } = await startWaiting('', { compiler: 'clang' });
  await answerFromElsewhere();
  expect(await ended).toMatchObject({ status: 0, stderr: '[remote]\na warning from elsewhere\n' });
  expect(isFromElsewhere()).toEqual([true, true]);
  expect(readdirSync(bed.work).sort()).toEqual(['a.c', 'a.d', 'a.o', 'waits.h']);
  expect(await nothingIsLeft()).toBe(true);
});

test('an object of an earlier build is replaced, a depfile written in place', async () => {
  layFiles(bed.work, { 'a.o': 'old', 'a.d': 'old and longer than what comes' });
  const before = statSync(inWork('a.d')).ino;
  const { ended } = await startWaiting();
  await answerFromElsewhere();
  expect(await ended).toMatchObject({ status: 0 });
  expect(isFromElsewhere()).toEqual([true, true]);
  expect(statSync(inWork('a.d')).ino).toBe(before);
});

for (const [what, how] of [
  ['that ignores SIGTERM', { prefix: "trap '' TERM;" }],
  ['that is stopped', {}],
] as const)
  test(`a compiler ${what} is killed, and what was written by it does not remain`, async () => {
    const { ended } = await startWaiting('', how);
    if (!('prefix' in how)) signalProcess(named('cc1')?.pid, 'SIGSTOP');
    await answerFromElsewhere();
    expect(await ended).toMatchObject({ status: 0 });
    expect(isFromElsewhere()).toEqual([true, true]);
    expect(await nothingIsLeft()).toBe(true);
    expect(readdirSync(join(bed.root, 'tmp'))).toEqual([]);
  });

test('the local answer comes first: it is told, and remains', async () => {
  const { ended } = await startWaiting();
  goOn();
  expect(await ended).toEqual({ status: 0, by: null, stderr: '[local]\n' });
  expect(await until(() => frames.length === 1)).toBe(true);
  const told = decodeEnded(frames[0]?.payload ?? Buffer.alloc(0));
  expect(frames[0]?.type).toBe('ended');
  expect(told).toMatchObject({ status: 0, captures: ['ok', 'ok'] });
  expect(readFileSync(join(bed.root, 'captured-a.o'))).toEqual(readFileSync(inWork('a.o')));
});

test('a local failure is the answer', async () => {
  const { ended } = await startWaiting();
  writeFileSync(inWork('waits.h'), '#define B 1\n');
  const { status, stderr } = await ended;
  expect(status).toBe(1);
  expect(stderr).toMatch(/A. undeclared/);
});

test('what has shown a warning goes on: it cannot be taken back', async () => {
  const { ended, shown } = await startWaiting('#warning shown\n');
  expect(await until(() => shown().includes('#warning'))).toBe(true);
  await answerFromElsewhere();
  goOn();
  const { status, stderr } = await ended;
  expect(status).toBe(0);
  expect(stderr.match(/#warning shown/g)).toHaveLength(2);
  expect(stderr).not.toMatch(/elsewhere/);
  expect(isFromElsewhere()).toEqual([false, false]);
});

test('an answer whose proof does not hold is passed over', async () => {
  const { ended } = await startWaiting();
  await answerFromElsewhere([{ kind: 'absent', path: inWork('a.c') }]);
  goOn();
  expect(await ended).toMatchObject({ status: 0, stderr: '[local]\n' });
  expect(isFromElsewhere()).toEqual([false, false]);
  expect(await until(() => frames.length === 1)).toBe(true);
  expect(frames[0]?.type).toBe('ended');
});

for (const [what, bytes] of [
  ['half of an answer', Buffer.from([200, 0, 0, 0, 72, 1])],
  ['nonsense', Buffer.from([255, 255, 255, 255, 1])],
  ['another order', Buffer.from([1, 0, 0, 0, 82])],
] as const)
  test(`an agent that says ${what} and dies costs nothing`, async () => {
    const { ended } = await startWaiting();
    talk?.end(bytes);
    expect(await until(() => talk?.destroyed === true || talk?.writableFinished === true)).toBe(true);
    goOn();
    expect(await ended).toMatchObject({ status: 0, by: null });
    expect(isFromElsewhere()).toEqual([false, false]);
  });

test('a result that cannot be written is compiled again', async () => {
  const { ended } = await startWaiting();
  const { h64Raw } = await xxhash();
  const bytes = Buffer.from('elsewhere');
  const blob = join(bed.root, 'blob');
  writeFileSync(blob, 'damaged!!');
  const checksum = h64Raw(bytes).toString(16).padStart(16, '0');
  const output = { blob, size: bytes.length, checksum, dest: 'a.o', opening: 'like-bfd' } as const;
  talk?.write(encodeHit({ note: '', checks: [], outputs: [output], stderr: '' }));
  expect(await until(() => marked().every(({ name }) => name !== 'hg-launcher'))).toBe(true);
  goOn();
  expect(await ended).toMatchObject({ status: 0, stderr: '' });
  expect(readFileSync(inWork('a.o')).subarray(1, 4).toString()).toBe('ELF');
});

test('Ctrl-C while the compiler is being stopped: it counts, and no object remains', async () => {
  const { ended, signal } = await startWaiting();
  const cc1 = named('cc1');
  // It takes half a second to end what is stopped.
  signalProcess(cc1?.pid, 'SIGSTOP');
  expect(await until(() => processNow(cc1?.pid ?? 0)?.state === 'T')).toBe(true);
  await answerFromElsewhere();
  expect(await until(() => isPending(cc1?.pid ?? 0))).toBe(true);
  signal('SIGINT');
  expect(await ended).toMatchObject({ status: null, by: 'SIGINT' });
  expect(lstatSync(inWork('a.o'), { throwIfNoEntry: false })).toBeUndefined();
  expect(await nothingIsLeft()).toBe(true);
});

/** Whether it has been told to end, and is stopped. */
function isPending(pid: number): boolean {
  const [, pending = '0'] = /^ShdPnd:\s*([0-9a-f]+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
  return (BigInt(`0x${pending}`) & (1n << 14n)) !== 0n;
}
