import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { afterListening } from './patience.ts';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test('it acts once, after the time; put off, never', async () => {
  let acted = 0;
  const began = performance.now();
  await new Promise<void>((resolve) => {
    afterListening(40, () => {
      acted += 1;
      resolve();
    });
  });
  expect(performance.now() - began).toBeGreaterThanOrEqual(35);
  afterListening(10, () => {
    acted += 1;
  })();
  await pause(40);
  expect(acted).toBe(1);
});

test('time in which this process is at work is not counted: an answer that came meanwhile is in time', async () => {
  const server = createServer((socket) => socket.end('answer')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as { port: number }).port, '127.0.0.1');
  let answer = '';
  let late = false;
  const putOff = afterListening(100, () => {
    late = true;
  });
  socket.on('data', (bytes) => {
    answer += bytes.toString();
    putOff();
  });
  await once(socket, 'connect');
  const busyUntil = performance.now() + 300;
  while (performance.now() < busyUntil);
  await once(socket, 'close');
  await pause(150);
  server.close();
  expect([answer, late]).toEqual(['answer', false]);
});
