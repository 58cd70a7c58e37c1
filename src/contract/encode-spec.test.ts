import { expect, test } from 'vitest';
import { type Random, seededRandom } from '../../test/bed/random.ts';
import { encodeNode, encodeSpec, inputFields, partFields } from './encode-spec.ts';
import { CompileSpec, type InputNode } from './generated/hybridgrid/v1/build.ts';

const SEED = Number(process.env.HG_SEED ?? 1);
const SPECS = 300;

test(`a spec put together from nodes is the one that is encoded as a whole (HG_SEED=${SEED})`, () => {
  const random = seededRandom(SEED);
  for (let i = 0; i < SPECS; i += 1) {
    const spec = anySpec(random);
    const { toolchain } = spec;
    const parts = { digest: toolchain.digest, parts: partFields(toolchain.parts.map(encodeNode)) };
    const bytes = encodeSpec({ ...spec, toolchain: parts, inputs: inputFields(spec.inputs.map(encodeNode)) });
    expect(bytes.equals(CompileSpec.encode(spec).finish()), `spec ${i}`).toBe(true);
  }
});

function anySpec(random: Random) {
  return {
    compiler: anyBytes(random),
    args: some(random, anyBytes),
    cwd: anyBytes(random),
    env: some(random, () => ({ name: anyBytes(random), value: anyBytes(random) })),
    toolchain: { digest: anyBytes(random), parts: some(random, anyNode) },
    inputs: some(random, anyNode),
    outputs: some(random, () => ({ role: anyWord(random), path: anyBytes(random), required: random.below(2) === 0 })),
    listArgs: some(random, anyBytes),
    arch: anyWord(random),
    native: anyNative(random),
  };
}

function anyNative(random: Random): CompileSpec['native'] {
  const words = some(random, anyWord);
  const natives: CompileSpec['native'][] = [
    undefined,
    { $case: 'gccNative', value: { arch: words, tune: some(random, anyWord) } },
    { $case: 'clangNative', value: { cpu: anyWord(random), features: words } },
  ];
  return natives[random.below(natives.length)];
}

function anyNode(random: Random): InputNode {
  const size = BigInt(Math.floor(random.fraction() ** 4 * 2 ** 50));
  const file = { digest: anyBytes(random), size, mtimeNs: 0n, executable: random.below(2) === 0 };
  const nodes: InputNode['node'][] = [
    { $case: 'file', value: file },
    { $case: 'linkTarget', value: anyBytes(random) },
    { $case: 'directory', value: true },
  ];
  return { path: anyBytes(random), node: nodes[random.below(nodes.length)] };
}

/** Mostly short, now and then so long that its length and that of what it stands in take another byte. */
function anyBytes(random: Random): Buffer {
  const longest = [1, 40, 200, 20_000][Math.floor(random.fraction() ** 3 * 4)] ?? 1;
  return Buffer.alloc(random.below(longest), random.below(256));
}

function anyWord(random: Random): string {
  return ['', 'x86_64', 'object', '\u00e4\u20ac', 'w'.repeat(130)][random.below(5)] ?? '';
}

function some<T>(random: Random, make: (random: Random) => T): T[] {
  return Array.from({ length: random.below(6) }, () => make(random));
}
