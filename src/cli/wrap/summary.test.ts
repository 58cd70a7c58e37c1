import { expect, test } from 'vitest';
import type { SessionCounters } from '../../agent/control.ts';
import { summaryLine } from './summary.ts';

const NONE: SessionCounters = {
  compiles: 0,
  hits: 0,
  local: 0,
  remote: 0,
  refused: 0,
  refusals: {},
  notCompiles: 0,
  savedMs: 0,
};

test.each<[string, Partial<SessionCounters> | undefined, number, string | undefined]>([
  [
    'all kinds',
    { compiles: 103, hits: 100, local: 2, refused: 1, savedMs: 41_000 },
    0,
    '103 compiles: 100 hits, 2 local, 1 refused; saved 41 s',
  ],
  ['cold', { compiles: 2, local: 2 }, 0, '2 compiles: 0 hits, 2 local'],
  ['one', { compiles: 1, hits: 1, savedMs: 120 }, 0, '1 compile: 1 hit, 0 local; saved 120 ms'],
  ['no agent', undefined, 3, '3 compiles: 3 without the agent (see `hgbuild doctor`)'],
  [
    'an agent that went',
    { compiles: 2, hits: 2, savedMs: 2000 },
    1,
    '3 compiles: 2 hits, 0 local, 1 without the agent (see `hgbuild doctor`); saved 2.0 s',
  ],
  ['nothing', {}, 0, undefined],
  ['nothing, no agent', undefined, 0, undefined],
])('%s', (_name, counters, fallbacks, line) => {
  expect(summaryLine({ counters: counters && { ...NONE, ...counters }, fallbacks })).toBe(line);
});
