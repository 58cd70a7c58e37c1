import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dropStretch, FIRST_STRETCH, moveStretch, newHeld, takeStretch } from './held.ts';
import { indexedSet } from './indexed-set.ts';
import { dropRow, float, int, newRows, setFloat, setInt, takeRow } from './rows.ts';

test('rows keep what is in them while others come, whole numbers and fractions side by side', () => {
  const rows = newRows(4);
  const taken = Array.from({ length: 1000 }, () => takeRow(rows));
  expect(taken).toEqual(taken.map((_, i) => i));
  for (const row of taken) {
    for (let field = 0; field < 8; field += 1) setInt(rows, row, field, row * 10 + field);
    for (let field = 4; field < 8; field += 1) setFloat(rows, row, field, row + field / 10);
  }
  for (let i = 0; i < 5000; i += 1) takeRow(rows);
  for (const row of taken) {
    expect(int(rows, row, 7)).toBe(row * 10 + 7);
    expect(float(rows, row, 4)).toBe(row + 0.4);
  }
});

test('numbers are given out again before new ones are', () => {
  const rows = newRows(4);
  for (let i = 0; i < 10; i += 1) takeRow(rows);
  dropRow(rows, 3);
  dropRow(rows, 7);
  expect([takeRow(rows), takeRow(rows), takeRow(rows)]).toEqual([7, 3, 10]);
});

test('a set of rows is what a set of numbers would be', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(30))), (steps) => {
      const rows = newRows(4);
      for (let row = 0; row <= 30; row += 1) setInt(rows, takeRow(rows), 5, -1);
      const set = indexedSet(rows, 5);
      const model = new Set<number>();
      for (const [isAdded, member] of steps) {
        if (isAdded) {
          set.add(member);
          model.add(member);
        } else {
          set.remove(member);
          model.delete(member);
        }
        expect(set.has(member)).toBe(isAdded);
      }
      const members = Array.from({ length: set.size }, (_, i) => set.at(i));
      expect(members.sort((a, b) => a - b)).toEqual([...model].sort((a, b) => a - b));
    }),
  );
});

test('stretches never overlap, move with what is in them, and are used again', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom('take', 'drop', 'move'), fc.nat(20)), { maxLength: 80 }), (steps) => {
      const held = newHeld();
      const lists: { from: number; log: number; mark: number }[] = [];
      for (const [what, pick] of steps) {
        const list = lists[pick % Math.max(1, lists.length)];
        if (what === 'take' || list === undefined) {
          const from = takeStretch(held, FIRST_STRETCH);
          const mark = lists.length * 100 + pick;
          held.places.fill(mark, from, from + 2 ** FIRST_STRETCH);
          lists.push({ from, log: FIRST_STRETCH, mark });
        } else if (what === 'drop') {
          dropStretch(held, list.from, list.log);
          lists.splice(lists.indexOf(list), 1);
        } else {
          list.from = moveStretch(held, list.from, list.log);
          held.places.fill(list.mark, list.from + 2 ** list.log, list.from + 2 ** (list.log + 1));
          list.log += 1;
        }
        for (const { from, log, mark } of lists) {
          expect(new Set(held.places.subarray(from, from + 2 ** log))).toEqual(new Set([mark]));
        }
      }
    }),
  );
  const held = newHeld();
  const first = takeStretch(held, FIRST_STRETCH);
  dropStretch(held, first, FIRST_STRETCH);
  expect(takeStretch(held, FIRST_STRETCH)).toBe(first);
});
