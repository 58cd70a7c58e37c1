import { expect, test } from 'vitest';
import { type Digest, sha256 } from '../base/digest.ts';
import type { CompileSpec } from '../contract/generated/hybridgrid/v1/build.ts';
import { lackingParts, toolchainOf } from './lacking-parts.ts';
import { specOf } from './testing/grid-bed.ts';

const [DRIVER, CC1, OTHER] = ['driver', 'cc1', 'other'].map((text) => sha256(text)) as [Digest, Digest, Digest];

/** A spec whose compiler has these parts. */
function withParts(...digests: readonly Digest[]): CompileSpec {
  const parts = digests.map((digest, i) => ({
    path: Buffer.from(`/usr/bin/part${i}`),
    node: {
      $case: 'file',
      value: { digest: Buffer.from(digest, 'hex'), size: 1n, mtimeNs: 0n, executable: true },
    } as const,
  }));
  return specOf('int x;', { toolchain: { digest: Buffer.alloc(32, 7), parts } });
}

const SPEC = withParts(DRIVER, CC1);
const GCC = toolchainOf(SPEC);

test('a client is asked for the parts that a worker lacks, if they are its own', () => {
  const lacking = lackingParts(() => 0);
  expect(lacking.wantedOf(SPEC)).toBeUndefined();
  lacking.note(GCC, [CC1, OTHER]);
  expect(lacking.isLacking(GCC)).toBe(true);
  expect(lacking.wantedOf(SPEC)).toEqual([CC1]);
  expect(lacking.wantedOf(withParts(DRIVER))).toEqual([]);
  lacking.brought(GCC);
  expect(lacking.isLacking(GCC)).toBe(false);
  expect(lacking.wantedOf(SPEC)).toBeUndefined();
});

test('what never stays is not asked for again and again; many at once count as one', () => {
  let now = 1e6;
  const lacking = lackingParts(() => now);
  const asks = (): number => {
    lacking.note(GCC, [CC1]);
    return lacking.wantedOf(SPEC)?.length ?? 0;
  };
  for (let i = 0; i < 3; i += 1) {
    expect([asks(), asks(), asks()]).toEqual([1, 1, 1]);
    now += 60_000;
  }
  expect(asks()).toBe(0);
  now += 600_000;
  expect(asks()).toBe(1);
});

test('only so many compilers are remembered', () => {
  const lacking = lackingParts(() => 0);
  lacking.note(GCC, [CC1]);
  for (let i = 0; i < 64; i += 1) lacking.note(`${i}`, [OTHER]);
  expect(lacking.isLacking(GCC)).toBe(false);
  expect(lacking.isLacking('63')).toBe(true);
});
