import { posix } from 'node:path';
import { toBytes } from '../../base/byte-string.ts';
import { type Digest, sha256 } from '../../base/digest.ts';
import { keyEnvironment } from '../../compiler/environment.ts';
import type { NativeCpu } from '../../compiler/native-cpu.ts';
import { nameOf } from '../../contract/compile-name.ts';
import { encodeSpec, type SpecParts } from '../../contract/encode-spec.ts';
import type { CompileSpec, OutputSpec, Variable } from '../../contract/generated/hybridgrid/v1/build.ts';
import type { SearchList } from '../../includes/port.ts';
import type { Walk } from '../../includes/walk.ts';
import type { Description } from '../describe.ts';
import type { Sight } from '../file-snapshot.ts';
import type { FileStates } from '../file-state.ts';
import { installationMarks } from '../gcc-installations.ts';
import type { CompilePlan } from '../plan.ts';
import { scanCompile } from '../scan.ts';
import { directoriesOf, type SearchLists } from '../search-lists.ts';
import type { Elsewhere } from '../store-result.ts';
import type { Shipment } from './grid.ts';
import { localeFiles } from './locale-files.ts';
import type { NativeCpus } from './native-cpu.ts';
import { type NodeMemory, nodeSet, type SentNode } from './node-set.ts';
import type { SharedSight } from './shared-sight.ts';
import { reasonToStay } from './stay-home.ts';

/** The compile has to be done on this machine. */
export interface StaysHome {
  readonly kind: 'stays-home';
  readonly why: string;
}

export interface ShipmentServices {
  readonly files: FileStates;
  readonly searchLists: SearchLists;
  readonly sights: SharedSight;
  readonly nodes: NodeMemory;
  readonly nativeCpus: NativeCpus;
}

/** More inputs than any sensible compile has. */
const MAX_INPUTS = 20_000;

const stay = (why: string): StaysHome => ({ kind: 'stays-home', why });

/**
 * Everything a compile may read, found by the scan alone: it follows every directive, whatever its condition, so that
 * what is shipped is more than what the compiler will ask for, never less. Elsewhere nothing else exists, so that the spec
 * decides the result.
 */
export async function makeShipment(
  description: Description,
  plan: CompilePlan,
  services: ShipmentServices,
): Promise<Shipment | StaysHome> {
  const why = reasonToStay(description);
  if (why !== undefined) return stay(why);
  const native = description.invocation.nativeArch ? await services.nativeCpus.of(description) : 'unasked';
  if (native === undefined) return stay('native-arch');
  const search = await services.searchLists.of(description);
  if (search === undefined) return stay('search-list');
  const sight = services.sights.take();
  const walked = scanCompile(description, search, sight.files);
  if (walked.problem !== undefined) return stay(walked.problem.reason);
  // What it was made with and for is this machine's.
  if (walked.precompiled.length > 0) return stay('precompiled-header-used');
  // Upgraded in place: the key of the result speaks of the compiler before.
  if (description.toolchain.parts.some(({ path, digest }) => sight.files.digestOf(path)?.digest !== digest))
    return stay('toolchain-changed');
  const inputs = collect(walked, search, description, sight, services.nodes);
  if (typeof inputs === 'string') return stay(inputs);
  const tools = toolchainNodes(description, sight, services.nodes);
  const { request, invocation } = description;
  const source = sight.files.digestOf(posix.resolve(request.cwd, invocation.source))?.digest;
  if (source === undefined) return stay('input-unreadable');
  const spec = specOf(description, plan, inputs, tools, native === 'unasked' ? undefined : native);
  return seal(spec, source, inputs, tools, { sight, search, walked });
}

/** Everything that has to be there, in order, or why it cannot be sent. */
function collect(
  walked: Walk,
  search: SearchList,
  { request, toolchain }: Description,
  sight: Sight,
  memory: NodeMemory,
): readonly SentNode[] | string {
  const { files } = sight;
  const nodes = nodeSet(sight, memory);
  const isThere = (path: string): boolean => nodes.addFile(path);
  const isWhole =
    walked.files.every(isThere) &&
    walked.present.every(isThere) &&
    localeFiles(request.env, files).every(isThere) &&
    installationMarks(toolchain.directories, files).every(isThere);
  if (!isWhole) return 'input-unreadable';
  for (const path of directoriesOf(search)) nodes.addDirectory(path);
  for (const path of walked.directories) nodes.addDirectory(path);
  if (nodes.size > MAX_INPUTS) return 'too-many-inputs';
  const inputs = nodes.sorted();
  // gcc takes equal files for one if their times are equal, and elsewhere all times are.
  return isOnceDoubled(walked, files, inputs) ? 'identical-headers' : inputs;
}

function isOnceDoubled({ once }: Walk, files: FileStates, inputs: readonly SentNode[]): boolean {
  if (once.length === 0) return false;
  const seen = new Set<Digest>();
  const doubled = new Set<Digest>();
  for (const { digest } of inputs) {
    if (digest === undefined) continue;
    if (seen.has(digest)) doubled.add(digest);
    seen.add(digest);
  }
  return once.some((path) => doubled.has(files.digestOf(path)?.digest as Digest));
}

function toolchainNodes({ request, toolchain }: Description, sight: Sight, memory: NodeMemory): readonly SentNode[] {
  const nodes = nodeSet(sight, memory);
  nodes.addFile(request.compiler, true);
  for (const part of toolchain.parts) nodes.addFile(part.path, true);
  return nodes.sorted();
}

function specOf(
  { request, invocation, toolchain }: Description,
  plan: CompilePlan,
  inputs: readonly SentNode[],
  tools: readonly SentNode[],
  native: NativeCpu | undefined,
): SpecParts {
  return {
    compiler: toBytes(request.compiler),
    args: request.args.map(toBytes),
    cwd: toBytes(request.cwd),
    env: variables(request.env, invocation.family),
    toolchain: { digest: Buffer.from(toolchain.digest, 'hex'), parts: tools.map(({ bytes }) => bytes) },
    inputs: inputs.map(({ bytes }) => bytes),
    outputs: invocation.outputs.map(
      ({ role, path, required }): OutputSpec => ({ role, path: toBytes(path), required }),
    ),
    listArgs: plan.args.map(toBytes),
    arch: process.arch === 'x64' ? 'x86_64' : process.arch === 'arm64' ? 'aarch64' : process.arch,
    native: native === undefined ? undefined : onWire(native),
  };
}

function seal(
  spec: SpecParts,
  own: Digest,
  inputs: readonly SentNode[],
  tools: readonly SentNode[],
  seen: Omit<Elsewhere, 'shipped'>,
): Shipment {
  const bytes = encodeSpec(spec);
  const sent = filesOf(inputs);
  let files: ReadonlyMap<Digest, string> | undefined;
  return {
    spec: bytes,
    action: sha256(bytes),
    // Of compiles whose inputs are known there nobody asks.
    get files() {
      files ??= new Map([...sent, ...filesOf(tools)].map(({ digest, at }) => [digest, at.path]));
      return files;
    },
    inputs: sent.map(({ digest }) => digest),
    own,
    demand: { arch: spec.arch, toolchain: spec.toolchain.digest.toString('hex'), name: nameOf(spec) },
    elsewhere: { ...seen, shipped: new Set(sent.map(({ at }) => at.path)) },
  };
}

type SentFile = SentNode & { readonly digest: Digest };

function filesOf(nodes: readonly SentNode[]): readonly SentFile[] {
  return nodes.filter((node): node is SentFile => node.digest !== undefined);
}

function variables(env: ReadonlyMap<string, string>, family: 'gcc' | 'clang'): Variable[] {
  const all = new Map(keyEnvironment(env, family));
  const path = env.get('PATH');
  if (path !== undefined) all.set('PATH', path);
  return [...all]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => ({ name: toBytes(name), value: toBytes(value) }));
}

function onWire(native: NativeCpu): CompileSpec['native'] {
  if (native.family === 'gcc') return { $case: 'gccNative', value: { arch: [...native.arch], tune: [...native.tune] } };
  return { $case: 'clangNative', value: { cpu: native.cpu, features: [...native.features] } };
}
