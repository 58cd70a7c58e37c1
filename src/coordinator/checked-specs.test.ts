import { expect, test } from 'vitest';
import { actionOf } from '../contract/digests.ts';
import { CompileSpec } from '../contract/generated/hybridgrid/v1/build.ts';
import { checkedSpecs } from './checked-specs.ts';
import { digestOfText, specOf } from './testing/grid-bed.ts';

const spec = specOf('int x;');
const bytesOf = (of: CompileSpec): Buffer => Buffer.from(CompileSpec.encode(of).finish());

test('what is expected is not read again, and once only', () => {
  const specs = checkedSpecs();
  const first = specs.check(bytesOf(spec), actionOf(spec));
  if (first.kind !== 'checked') throw new Error(first.detail);
  expect(first.inputs).toEqual(new Map([[digestOfText('int x;'), 6]]));
  specs.expect(first);
  expect(specs.check(bytesOf(spec), actionOf(spec))).toBe(first);
  const third = specs.check(bytesOf(spec), actionOf(spec));
  expect(third).toEqual(first);
  expect(third).not.toBe(first);
});

test('other bytes under an expected action, or its bytes under another one, are checked as ever', () => {
  const specs = checkedSpecs();
  const first = specs.check(bytesOf(spec), actionOf(spec));
  if (first.kind !== 'checked') throw new Error(first.detail);
  specs.expect(first);
  const other = specOf('int y;');
  const refused = { kind: 'refused', detail: 'the action is not that of the spec' };
  expect(specs.check(bytesOf(other), actionOf(spec))).toEqual(refused);
  expect(specs.check(bytesOf(spec), actionOf(other))).toEqual(refused);
  expect(specs.check(undefined, actionOf(spec))).toEqual({ kind: 'refused', detail: 'no spec' });
});

test('no more than 64 are remembered', () => {
  const specs = checkedSpecs();
  const all = Array.from({ length: 65 }, (_, n) => specOf(`int x${n};`));
  const checked = all.map((one) => specs.check(bytesOf(one), actionOf(one)));
  for (const one of checked) if (one.kind === 'checked') specs.expect(one);
  const again = all.map((one) => specs.check(bytesOf(one), actionOf(one)));
  expect(again.map((one, i) => one === checked[i])).toEqual([false, ...Array(64).fill(true)]);
});
