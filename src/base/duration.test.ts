import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatDuration, parseDuration, writeDuration } from './duration.ts';

describe('durations', () => {
  test.each([
    ['0', 0],
    ['500ms', 500],
    ['90s', 90_000],
    ['10m', 600_000],
    ['1h30m', 5_400_000],
    ['1.5 h', 5_400_000],
    ['2d', 172_800_000],
  ])('%s', (text, milliseconds) => expect(parseDuration(text)).toBe(milliseconds));

  test.each(['', '10', 'm', '10 minutes', '-5m', '1e3s', '10M', '5m3', 'never'])('"%s" is none', (text) =>
    expect(parseDuration(text)).toBeUndefined(),
  );

  test('what is written is read back', () => {
    fc.assert(fc.property(fc.nat(10 ** 10), (ms) => parseDuration(writeDuration(ms)) === ms));
    expect(writeDuration(600_000)).toBe('10m');
    expect(writeDuration(86_400_000)).toBe('1d');
  });

  test.each([
    [0, '0 ms'],
    [399.7, '400 ms'],
    [1_400, '1.4 s'],
    [9_960, '10 s'],
    [41_000, '41 s'],
    [59_700, '1 min'],
    [200_000, '3 min 20 s'],
    [3_600_000, '1 h'],
    [9_000_000, '2 h 30 min'],
    [50 * 3_600_000, '2 d 2 h'],
    [Number.POSITIVE_INFINITY, 'never'],
  ])('%d ms for a person', (ms, text) => expect(formatDuration(ms)).toBe(text));
});
