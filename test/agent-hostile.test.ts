/** Whatever is sent to the agent's socket, and whoever tries: it serves on, and other users do not reach it. */
import { readdirSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Bed, makeBed } from './bed/environment.ts';
import { run } from './bed/run.ts';
import { root, testWith, tool } from './bed/tools.ts';
import { layFiles, runScript } from './bed/twin.ts';

let bed: Bed;
beforeEach(() => {
  bed = makeBed({ HG_VERBOSE: '1' });
});
afterEach(() => bed.remove());

async function compile(): Promise<string> {
  const ended = await runScript(bed, 'gcc -c a.c', 'cached');
  expect(ended.status).toBe(0);
  return ended.stderr.toString();
}

/** Compiles until it hits, and returns the agent's socket. */
async function warmSocket(): Promise<string> {
  layFiles(bed.work, { 'a.c': 'int a;\n' });
  await new Promise((resolve) => setTimeout(resolve, 50));
  await compile();
  await bed.flush();
  expect(await compile()).toContain('[hit]');
  const name = readdirSync(bed.runtimeDir).find((file) => file.endsWith('.sock'));
  return join(bed.runtimeDir, name ?? 'none');
}

/** Sends bytes and resolves when the agent has closed, or after a moment of silence. */
function send(socketPath: string, bytes: Buffer, patienceMs = 100): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    const done = (): void => {
      socket.destroy();
      resolve();
    };
    socket.setTimeout(patienceMs, done);
    socket.on('error', done);
    socket.on('close', done);
    socket.on('data', () => undefined);
    socket.write(bytes);
  });
}

function frame(type: string, payload: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32LE(payload.length + 1, 0);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, payload]);
}

/** A small linear congruential generator (Numerical Recipes), so that a failure can be repeated. */
function randomBytes(seed: number): (size: number) => Buffer {
  let state = seed >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  };
  return (size) => Buffer.from(Array.from({ length: size }, next));
}

test('random bytes, random payloads in every frame type, frames out of order', async () => {
  const socketPath = await warmSocket();
  const [pid] = bed.agents();
  const seed = Number(process.env.HG_FUZZ_SEED ?? 20_261_121);
  console.log(`seed ${seed}`);
  const random = randomBytes(seed);
  for (let round = 0; round < 120; round += 1) {
    const type = 'CMBDEJRXH?'[round % 10] ?? 'C';
    const payload = random(round % 7 === 0 ? 0 : (random(1)[0] ?? 1) * (round % 3 === 0 ? 1 : 40));
    await send(socketPath, round % 4 === 0 ? random(200) : frame(type, payload), 30);
  }
  // A right beginning with a wrong end: version 1, no flags, a string of 4 GiB.
  await send(socketPath, frame('C', Buffer.from([1, 0, 255, 255, 255, 255])));
  await send(socketPath, frame('J', Buffer.from('{"op":"explain","command":{"argv":[],"cwd":"","env":{}}}')));
  await send(socketPath, frame('J', Buffer.from('null')));
  await send(socketPath, frame('E', Buffer.alloc(64)));
  expect(bed.agents()).toEqual([pid]);
  expect(await compile()).toContain('[hit]');
});

test('a frame that announces more than any compiler call is refused at once, a half one waits without harm', async () => {
  const socketPath = await warmSocket();
  const huge = Buffer.alloc(5);
  huge.writeUInt32LE(0xffff_fff0, 0);
  huge.write('C', 4);
  const began = Date.now();
  await send(socketPath, huge, 5_000);
  expect(Date.now() - began).toBeLessThan(4_000);
  const half = connect(socketPath);
  half.write(Buffer.from([255, 255, 0, 0, 67, 1]));
  expect(await compile()).toContain('[hit]');
  half.destroy();
});

testWith([root, tool('setpriv')], 'another user reaches neither the socket nor the cache', async () => {
  const socketPath = await warmSocket();
  expect(statSync(bed.runtimeDir).mode & 0o777).toBe(0o700);
  expect(statSync(socketPath).mode & 0o777).toBe(0o600);
  expect(statSync(bed.cacheDir).mode & 0o077).toBe(0);
  const script = `const s=require('node:net').connect(process.argv[1]);s.on('connect',()=>process.exit(0));s.on('error',(e)=>{console.log(e.code);process.exit(7)})`;
  const other = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const ended = await run([...other, process.execPath, '-e', script, socketPath], { env: { PATH: process.env.PATH } });
  expect([ended.status, ended.stdout.toString().trim()]).toEqual([7, 'EACCES']);
});
