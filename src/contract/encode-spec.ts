import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { CompileSpec, InputNode, Toolchain } from './generated/hybridgrid/v1/build.ts';

/**
 * An InputNode as it stands in a field of another message: its length and its bytes, without the tag. Compiles of one
 * project name the same headers: written anew, 430 of them are most of what a description costs.
 */
export type NodeBytes = Buffer & { readonly __brand: 'NodeBytes' };

/** A description whose nodes are written already, each list in its order. */
export interface SpecParts extends Omit<CompileSpec, 'toolchain' | 'inputs'> {
  readonly toolchain: { readonly digest: Buffer; readonly parts: readonly NodeBytes[] };
  readonly inputs: readonly NodeBytes[];
}

/** Tags of length-delimited fields: `toolchain` and `inputs` in CompileSpec, `parts` in Toolchain. */
const TOOLCHAIN_TAG = (5 << 3) | 2;
const INPUT_TAG = (6 << 3) | 2;
const PART_TAG = (2 << 3) | 2;

/** A description that says nothing: what a message without a byte is. */
const NOTHING = CompileSpec.decode(new Uint8Array());

/** Writes a node once, for any number of descriptions. */
export function encodeNode(node: InputNode): NodeBytes {
  return Buffer.from(InputNode.encode(node, new BinaryWriter().fork()).join().finish()) as NodeBytes;
}

/** Byte for byte what `CompileSpec.encode` makes of the same description: digests of both are equal. */
export function encodeSpec(parts: SpecParts): Buffer {
  const { compiler, args, cwd, env, toolchain, inputs, outputs, listArgs, arch, native } = parts;
  const writer = CompileSpec.encode({ ...NOTHING, compiler, args, cwd, env });
  const digest = Toolchain.encode({ digest: toolchain.digest, parts: [] }).finish();
  const head = writer
    .uint32(TOOLCHAIN_TAG)
    .uint32(digest.length + sizeOf(toolchain.parts))
    .finish();
  const tail = CompileSpec.encode({ ...NOTHING, outputs, listArgs, arch, native }).finish();
  const size = head.length + digest.length + sizeOf(toolchain.parts) + sizeOf(inputs) + tail.length;
  const bytes = Buffer.allocUnsafe(size);
  bytes.set(head, 0);
  bytes.set(digest, head.length);
  const inputsAt = join(bytes, head.length + digest.length, PART_TAG, toolchain.parts);
  bytes.set(tail, join(bytes, inputsAt, INPUT_TAG, inputs));
  return bytes;
}

/** In bytes, with a tag of one byte each. */
function sizeOf(nodes: readonly NodeBytes[]): number {
  let size = nodes.length;
  for (const node of nodes) size += node.length;
  return size;
}

/** Writes a field for each node; gives the place behind the last. */
function join(bytes: Buffer, from: number, tag: number, nodes: readonly NodeBytes[]): number {
  let at = from;
  for (const node of nodes) {
    bytes[at] = tag;
    bytes.set(node, at + 1);
    at += 1 + node.length;
  }
  return at;
}
