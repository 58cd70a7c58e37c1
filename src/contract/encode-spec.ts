import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { CompileSpec, InputNode, Toolchain } from './generated/hybridgrid/v1/build.ts';

/**
 * An InputNode as it stands in a field of another message: its length and its bytes, without the tag. Compiles of one
 * project name the same headers: written anew, 430 of them are most of what a description costs.
 */
export type NodeBytes = Buffer & { readonly __brand: 'NodeBytes' };

/** The field `inputs` of a description, as often as there are nodes. */
export type InputFields = Buffer & { readonly __brand: 'InputFields' };
/** The field `parts` of a toolchain. */
export type PartFields = Buffer & { readonly __brand: 'PartFields' };

/** A description whose nodes are written already, each list in its order. */
export interface SpecParts extends Omit<CompileSpec, 'toolchain' | 'inputs'> {
  readonly toolchain: { readonly digest: Buffer; readonly parts: PartFields };
  readonly inputs: InputFields;
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

export function inputFields(nodes: readonly NodeBytes[]): InputFields {
  return join(INPUT_TAG, nodes) as InputFields;
}

export function partFields(nodes: readonly NodeBytes[]): PartFields {
  return join(PART_TAG, nodes) as PartFields;
}

/** Byte for byte what `CompileSpec.encode` makes of the same description: digests of both are equal. */
export function encodeSpec(spec: SpecParts): Buffer {
  const { compiler, args, cwd, env, toolchain, inputs, outputs, listArgs, arch, native } = spec;
  const writer = CompileSpec.encode({ ...NOTHING, compiler, args, cwd, env });
  const digest = Toolchain.encode({ digest: toolchain.digest, parts: [] }).finish();
  const head = writer
    .uint32(TOOLCHAIN_TAG)
    .uint32(digest.length + toolchain.parts.length)
    .finish();
  const tail = CompileSpec.encode({ ...NOTHING, outputs, listArgs, arch, native }).finish();
  return Buffer.concat([head, digest, toolchain.parts, inputs, tail]);
}

/** A field for each node, with a tag of one byte. */
function join(tag: number, nodes: readonly NodeBytes[]): Buffer {
  let size = nodes.length;
  for (const node of nodes) size += node.length;
  const bytes = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (const node of nodes) {
    bytes[at] = tag;
    bytes.set(node, at + 1);
    at += 1 + node.length;
  }
  return bytes;
}
