import { expect, test } from 'vitest';
import { type Check, encodeHit, type Stamp } from './answers.ts';
import { encodeCheck, isFileCheck } from './encoded-checks.ts';

const stamp: Stamp = { dev: 1n, ino: 2n, size: 3n, mtime: 4n, ctime: (1n << 63n) + 5n };

const u32 = (value: number): string => String.fromCharCode(value & 255, value >> 8, 0, 0);
const u64 = (low: number, high = 0): string =>
  `${String.fromCharCode(low)}${'\0'.repeat(6)}${String.fromCharCode(high)}`;
const path = (text: string): string => `${u32(text.length + 1)}${text}\0`;

test.each([
  [
    { kind: 'file', path: '/a\xe9.h', stamp },
    `\x01${path('/a\xe9.h')}${[1, 2, 3, 4].map((n) => u64(n)).join('')}${u64(5, 128)}`,
  ],
  [{ kind: 'directory', path: '/d', stamp }, `\x02${path('/d')}${[1, 2, 4].map((n) => u64(n)).join('')}${u64(5, 128)}`],
  [{ kind: 'absent', path: '/d/x' }, `\x03${path('/d/x')}`],
  [{ kind: 'present', path: '/p' }, `\x04${path('/p')}`],
  [{ kind: 'identity', path: '/d', stamp }, `\x05${path('/d')}${u64(1)}${u64(2)}`],
  [{ kind: 'link', path: '/l', stamp }, `\x06${path('/l')}${[1, 2, 3, 4].map((n) => u64(n)).join('')}${u64(5, 128)}`],
  [{ kind: 'no-link', path: '/d' }, `\x07${path('/d')}`],
  [{ kind: 'unreachable', path: '/u' }, `\x08${path('/u')}`],
  [{ kind: 'absent', path: `/${'x'.repeat(9000)}` }, `\x03${path(`/${'x'.repeat(9000)}`)}`],
] satisfies [Check, string][])('a check of kind $kind is what the launcher reads', (check, bytes) => {
  expect(encodeCheck(check)).toBe(bytes);
  expect(isFileCheck(encodeCheck(check))).toBe(check.kind === 'file');
});

test('a frame holds its checks in their order, between its note and its outputs', () => {
  const checks = ['/a', '/b'].map((at) => encodeCheck({ kind: 'absent', path: at }));
  const frame = encodeHit({ note: 'n', checks, outputs: [], stderr: 'e' }).toString('latin1');
  const content = `H${u32(1)}n${u32(2)}${checks.join('')}${u32(0)}${u32(1)}e`;
  expect(frame).toBe(u32(content.length) + content);
});
