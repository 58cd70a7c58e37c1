import { type Digest, sha256 } from '../base/digest.ts';
import { actionOf, inputContents } from '../contract/digests.ts';
import type { CompileSpec } from '../contract/generated/hybridgrid/v1/build.ts';
import { readSpec } from '../contract/raw-spec.ts';

/** A spec that is what its action names. */
export interface CheckedSpec {
  readonly kind: 'checked';
  readonly action: Digest;
  readonly spec: CompileSpec;
  readonly bytes: Buffer;
  /** Sizes of the contents it may read. */
  readonly inputs: ReadonlyMap<Digest, number>;
}

/** Why a request is not acceptable. */
export interface RefusedSpec {
  readonly kind: 'refused';
  readonly detail: string;
}

/** Specs that were checked and come again: whoever lacked blobs asks a second time with the very same bytes. */
export interface CheckedSpecs {
  check(bytes: Buffer | undefined, action: Digest): CheckedSpec | RefusedSpec;
  /** This one will come again. */
  expect(checked: CheckedSpec): void;
}

/** As many as are asked for at once by a large team; each takes some 50 KiB. */
const EXPECTED = 64;

export function checkedSpecs(): CheckedSpecs {
  /** By action and the digest of the bytes, oldest first: other bytes are checked as if nothing was known. */
  const expected = new Map<string, CheckedSpec>();
  const keyOf = (bytes: Buffer, action: Digest): string => `${action} ${sha256(bytes)}`;
  return {
    check(bytes, action) {
      // What comes first is not looked for, and not hashed once more than needed.
      if (bytes === undefined || expected.size === 0) return checkSpec(bytes, action);
      const key = keyOf(bytes, action);
      const known = expected.get(key);
      expected.delete(key);
      return known ?? checkSpec(bytes, action);
    },
    expect(checked) {
      expected.set(keyOf(checked.bytes, checked.action), checked);
      const [oldest] = expected.keys();
      if (expected.size > EXPECTED && oldest !== undefined) expected.delete(oldest);
    },
  };
}

/**
 * The action is computed here again: under a false one a result would be kept and given to whoever compiles what it
 * really names.
 */
function checkSpec(bytes: Buffer | undefined, action: Digest): CheckedSpec | RefusedSpec {
  const spec = bytes === undefined ? undefined : readSpec(bytes);
  if (bytes === undefined || spec === undefined) return { kind: 'refused', detail: 'no spec' };
  if (spec.arch === '' || spec.toolchain === undefined) return { kind: 'refused', detail: 'no toolchain' };
  if (actionOf(spec) !== action) return { kind: 'refused', detail: 'the action is not that of the spec' };
  const inputs = inputContents(spec);
  if (inputs === undefined) return { kind: 'refused', detail: 'an input without a digest' };
  return { kind: 'checked', action, spec, bytes, inputs };
}
