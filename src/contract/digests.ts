import { type Digest, sha256 } from '../base/digest.ts';
import { CompileSpec } from './generated/hybridgrid/v1/build.ts';

const DIGEST_BYTES = 32;

/** A digest from the wire; undefined unless it has 32 bytes. */
export function digestFromWire(bytes: Uint8Array): Digest | undefined {
  if (bytes.length !== DIGEST_BYTES) return undefined;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex') as Digest;
}

/** A digest as it travels. */
export function digestToWire(digest: Digest): Buffer {
  return Buffer.from(digest, 'hex');
}

/**
 * The name of a compile: the digest of its whole description in this version's own encoding, so that what this version
 * does not know, and would not pass on, cannot be part of a name.
 */
export function actionOf(spec: CompileSpec): Digest {
  return sha256(CompileSpec.encode(spec).finish());
}

/** The contents a compile may read, beside its toolchain's, with their sizes; undefined where a digest is none. */
export function inputContents(spec: CompileSpec): Map<Digest, number> | undefined {
  const contents = new Map<Digest, number>();
  for (const { node } of spec.inputs) {
    if (node?.$case !== 'file') continue;
    const digest = digestFromWire(node.value.digest);
    if (digest === undefined) return undefined;
    contents.set(digest, Number(node.value.size));
  }
  return contents;
}
