import { posix } from 'node:path';
import { toBytes } from '../../base/byte-string.ts';
import { type Digest, sha256 } from '../../base/digest.ts';
import { keyEnvironment } from '../../compiler/environment.ts';
import type { NativeCpu } from '../../compiler/native-cpu.ts';
import { nameOf } from '../../contract/compile-name.ts';
import { encodeSpec, type InputFields, type PartFields, type SpecParts } from '../../contract/encode-spec.ts';
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
import { inputParcels, type Parcel, type ParcelMemory, type Parcels, toolParcels } from './parcels.ts';
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
  readonly parcels: ParcelMemory;
  readonly nativeCpus: NativeCpus;
}

/** More inputs than any sensible compile has. */
const MAX_INPUTS = 20_000;

type Inputs = Parcel<InputFields>;
type Tools = Parcel<PartFields>;

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
  const inputs = collect(walked, search, description, sight, inputParcels(services.parcels));
  if (typeof inputs === 'string') return stay(inputs);
  const tools = toolsOf(description, sight, toolParcels(services.parcels));
  if (tools === undefined) return stay('toolchain-changed');
  const { request, invocation } = description;
  const source = sight.files.digestOf(posix.resolve(request.cwd, invocation.source))?.digest;
  if (source === undefined) return stay('input-unreadable');
  const spec = specOf(description, plan, inputs, tools, native === 'unasked' ? undefined : native);
  return seal(spec, source, inputs, tools, { sight, search, walked });
}

/** Everything that has to be there, or why it cannot be sent. */
function collect(
  walked: Walk,
  search: SearchList,
  { request, toolchain }: Description,
  { files, ways }: Sight,
  inputs: Parcels<InputFields>,
): Inputs | string {
  const marks = installationMarks(toolchain.directories, files);
  const wanted = {
    files: [...walked.files, ...walked.present, ...localeFiles(request.env, files), ...marks],
    directories: [...directoriesOf(search), ...walked.directories],
  };
  const parcel = inputs.of(walked, wanted, { files, ways });
  if (parcel === undefined) return 'input-unreadable';
  if (parcel.nodes.length > MAX_INPUTS) return 'too-many-inputs';
  // gcc takes equal files for one if their times are equal, and elsewhere all times are.
  const { doubled } = parcel;
  const isDoubled = (path: string): boolean => doubled.has(files.digestOf(path)?.digest as Digest);
  return doubled.size > 0 && walked.once.some(isDoubled) ? 'identical-headers' : parcel;
}

function toolsOf({ request, toolchain }: Description, sight: Sight, tools: Parcels<PartFields>) {
  const files = [request.compiler, ...toolchain.parts.map(({ path }) => path)];
  return tools.of(toolchain, { files, directories: [] }, sight);
}

function specOf(
  { request, invocation, toolchain }: Description,
  plan: CompilePlan,
  inputs: Inputs,
  tools: Tools,
  native: NativeCpu | undefined,
): SpecParts {
  return {
    compiler: toBytes(request.compiler),
    args: request.args.map(toBytes),
    cwd: toBytes(request.cwd),
    env: variables(request.env, invocation.family),
    toolchain: { digest: Buffer.from(toolchain.digest, 'hex'), parts: tools.fields },
    inputs: inputs.fields,
    outputs: invocation.outputs.map(
      ({ role, path, required }): OutputSpec => ({ role, path: toBytes(path), required }),
    ),
    listArgs: plan.args.map(toBytes),
    arch: process.arch === 'x64' ? 'x86_64' : process.arch === 'arm64' ? 'aarch64' : process.arch,
    native: native === undefined ? undefined : onWire(native),
  };
}

function seal(spec: SpecParts, own: Digest, inputs: Inputs, tools: Tools, seen: Omit<Elsewhere, 'shipped'>): Shipment {
  const bytes = encodeSpec(spec);
  let files: ReadonlyMap<Digest, string> | undefined;
  return {
    spec: bytes,
    action: sha256(bytes),
    // Of compiles whose inputs are known there nobody asks.
    get files() {
      files ??= new Map([...inputs.files, ...tools.files].map(({ digest, at }) => [digest, at.path]));
      return files;
    },
    inputs: inputs.digests,
    own,
    demand: { arch: spec.arch, toolchain: spec.toolchain.digest.toString('hex'), name: nameOf(spec) },
    elsewhere: { ...seen, shipped: inputs.paths },
  };
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
