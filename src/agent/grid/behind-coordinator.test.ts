import { expect, test } from 'vitest';
import type { CompileResult } from '../../contract/generated/hybridgrid/v1/build.ts';
import { behindCoordinator } from './behind-coordinator.ts';
import type { Grid, GridAnswer, GridAsked, Shipment } from './grid.ts';

const RESULT: GridAnswer = { kind: 'result', result: {} as CompileResult };
const NONE: GridAnswer = { kind: 'declined', reason: 'stored-only', detail: '' };
const UNREACHABLE: GridAnswer = { kind: 'declined', reason: 'unreachable', detail: '' };

/** Who was asked for what, in order, with the given answers. */
function bed(answers: { readonly stored: GridAnswer; readonly compiled?: GridAnswer; readonly storage: GridAnswer }) {
  const asked: string[] = [];
  const grid = (name: string, answer: (asked: GridAsked) => GridAnswer): Grid => ({
    compiles: name === 'coordinator',
    isWorthAsking: () => true,
    compile: (_shipment, question) => {
      asked.push(`${name}${question.storedOnly ? ' stored' : ''}`);
      return Promise.resolve(answer(question));
    },
    fetch: () => Promise.resolve(undefined),
    report: () => Promise.resolve(),
    reportMismatch: () => Promise.resolve(),
    capacity: () => undefined,
    close: () => {},
  });
  const coordinator = grid('coordinator', ({ storedOnly }) =>
    storedOnly ? answers.stored : (answers.compiled ?? RESULT),
  );
  const both = behindCoordinator(
    coordinator,
    grid('storage', () => answers.storage),
  );
  const ask = async (more: Partial<GridAsked> = {}): Promise<string> => {
    asked.length = 0;
    const signal = new AbortController().signal;
    const answer = await both.compile({} as Shipment, {
      storedOnly: false,
      ignoreStored: false,
      isDirect: false,
      signal,
      ...more,
    });
    return `${asked.join(', ')}: ${answer.kind}`;
  };
  return { ask };
}

test('the coordinator comes first, then the storage, then a worker', async () => {
  expect(await bed({ stored: RESULT, storage: RESULT }).ask()).toBe('coordinator stored: result');
  expect(await bed({ stored: NONE, storage: RESULT }).ask()).toBe('coordinator stored, storage stored: result');
  expect(await bed({ stored: NONE, storage: NONE }).ask()).toBe(
    'coordinator stored, storage stored, coordinator: result',
  );
});

test('who wants stored results alone gets no worker, who wants none asks no storage', async () => {
  const { ask } = bed({ stored: NONE, storage: NONE });
  expect(await ask({ storedOnly: true })).toBe('coordinator stored, storage stored: declined');
  expect(await ask({ ignoreStored: true })).toBe('coordinator: result');
});

test('a coordinator that is away is not asked twice; the storage still is', async () => {
  expect(await bed({ stored: UNREACHABLE, storage: NONE }).ask()).toBe('coordinator stored, storage stored: declined');
  expect(await bed({ stored: UNREACHABLE, storage: RESULT }).ask()).toBe('coordinator stored, storage stored: result');
});

test('after many questions in vain few compiles on workers wait for the storage', async () => {
  const { ask } = bed({ stored: NONE, storage: NONE });
  const told: string[] = [];
  for (let i = 0; i < 32; i += 1) told.push(await ask());
  expect(told.filter((line) => line === 'coordinator: result')).toHaveLength(14);
});
