import { fromBytes } from '../base/byte-string.ts';
import { classifyDriver } from '../compiler/driver.ts';
import { isCompilerVariable, refusingVariable } from '../compiler/environment.ts';
import type { Invocation, Output } from '../compiler/invocation.ts';
import { asksOtherwise, isPlainNative, type NativeCpu } from '../compiler/native-cpu.ts';
import { parseCommandLine } from '../compiler/parse-command-line.ts';
import { expandResponseFiles } from '../compiler/response-file.ts';
import type { CompileSpec, OutputSpec } from '../contract/generated/hybridgrid/v1/build.ts';
import {
  follow,
  isFree,
  joinTables,
  type NodeTable,
  type NotAcceptable,
  notAcceptable,
  readNodes,
} from './node-table.ts';

/** A compile from the wire whose shape was checked; what its words mean, {@link checkCommand} says. Byte strings. */
export interface CompileTask {
  readonly kind: 'task';
  /** Absolute path of the driver, as argv[0] holds it. */
  readonly compiler: string;
  readonly args: readonly string[];
  readonly listArgs: readonly string[];
  readonly cwd: string;
  readonly env: readonly (readonly [name: string, value: string])[];
  /** The compiler's own programs and libraries. */
  readonly parts: NodeTable;
  /** Everything that exists, parts included. */
  readonly tree: NodeTable;
  readonly outputs: readonly PlacedOutput[];
  /** Directories that must exist for the outputs' names to lead anywhere. */
  readonly passed: readonly string[];
  /** What `native` is to mean in `args`: never this machine's own processor. */
  readonly native: NativeCpu | undefined;
}

export interface PlacedOutput {
  readonly role: string;
  /** As on the command line. */
  readonly path: string;
  readonly required: boolean;
  /** The directory in which it is written; tidy. */
  readonly directory: string;
}

/** The byte in list_args that stands for a file whose content is sent back. */
export const LIST = '\x01';

const MAX_INPUTS = 20_000;
const MAX_PARTS = 2_000;
const MAX_OUTPUTS = 8;
/** In bytes. Linux takes no single word above 128 KiB, and 6 MiB in all. */
const MAX_WORDS = 4 << 20;
const MAX_WORD = 128 << 10;
/** In bytes, of all inputs together. */
const MAX_INPUT_BYTES = 4 * 2 ** 30;

/** Checks everything about a spec that can be seen without its blobs. */
export function readTask(spec: CompileSpec, arch: string): CompileTask | NotAcceptable {
  const { inputs, toolchain } = spec;
  if (spec.arch !== arch) return notAcceptable(`arch ${spec.arch}`);
  if (inputs.length > MAX_INPUTS) return notAcceptable('too many inputs');
  if (toolchain === undefined || toolchain.parts.length > MAX_PARTS) return notAcceptable('toolchain');
  const parts = readNodes(toolchain.parts);
  if ('kind' in parts) return parts;
  const sources = readNodes(inputs);
  if ('kind' in sources) return sources;
  const tree = joinTables(parts, sources);
  if ('kind' in tree) return tree;
  const bytes = [...tree.files.values()].reduce((sum, file) => sum + file.size, 0);
  if (bytes > MAX_INPUT_BYTES) return notAcceptable('too many bytes');
  return readWords(spec, parts, tree);
}

function readWords(spec: CompileSpec, parts: NodeTable, tree: NodeTable): CompileTask | NotAcceptable {
  const [compiler, cwd] = [fromBytes(spec.compiler), fromBytes(spec.cwd)];
  const [args, listArgs] = [spec.args.map(fromBytes), spec.listArgs.map(fromBytes)];
  const env = spec.env.map(({ name, value }) => [fromBytes(name), fromBytes(value)] as const);
  if (!isFree(compiler)) return notAcceptable('compiler');
  if (cwd !== '/' && !isFree(cwd)) return notAcceptable('directory');
  const words = [...args, ...listArgs, ...env.map(([name, value]) => `${name}=${value}`)];
  if (words.some((word) => word.includes('\0') || word.length > MAX_WORD)) return notAcceptable('words');
  if (words.reduce((sum, word) => sum + word.length + 9, 0) > MAX_WORDS) return notAcceptable('too many words');
  const stranger = env.find(([name, value]) => !isKnownVariable(name, value));
  if (stranger !== undefined) return notAcceptable(`variable ${stranger[0]}`);
  if (!areKnownLists(listArgs)) return notAcceptable('list_args');
  const inside = follow(cwd, tree);
  if (inside?.real !== cwd || tree.files.has(cwd)) return notAcceptable('directory');
  const driver = follow(compiler, tree);
  if (driver === undefined || !parts.files.has(driver.real))
    return notAcceptable('the compiler is no part of its toolchain');
  const native = readNative(spec.native);
  if (native !== undefined && !isPlainNative(native)) return notAcceptable('native architecture');
  const placed = placeOutputs(spec.outputs, cwd, tree);
  if ('kind' in placed) return placed;
  return { kind: 'task', compiler, args, listArgs, cwd, env, parts, tree, native, ...placed };
}

function readNative(native: CompileSpec['native']): NativeCpu | undefined {
  switch (native?.$case) {
    case 'gccNative':
      return { family: 'gcc', ...native.value };
    case 'clangNative':
      return { family: 'clang', ...native.value };
    case undefined:
      return undefined;
  }
}

/** Variables that a compile may depend on. What the loader takes orders from is none of them, unless it is empty. */
function isKnownVariable(name: string, value: string): boolean {
  if (name.includes('=') || (/^(?:LD_|GLIBC_)/.test(name) && value !== '')) return false;
  if (refusingVariable(new Map([[name, '']])) !== undefined) return false;
  return name === 'PATH' || name === 'PWD' || isCompilerVariable(name);
}

const PLAIN_LIST_ARGS = new Set(['-fdiagnostics-color=always', '-fcolor-diagnostics', `-Wa,--MD,${LIST}`]);

function areKnownLists(args: readonly string[]): boolean {
  const rest = [...args];
  if (rest[0] === '-MD' && rest[1] === '-MF' && rest[2] === LIST) rest.splice(0, 3);
  return rest.every((arg) => PLAIN_LIST_ARGS.has(arg)) && new Set(rest).size === rest.length;
}

function placeOutputs(
  specs: readonly OutputSpec[],
  cwd: string,
  tree: NodeTable,
): Pick<CompileTask, 'outputs' | 'passed'> | NotAcceptable {
  if (specs.length === 0 || specs.length > MAX_OUTPUTS) return notAcceptable('outputs');
  const outputs: PlacedOutput[] = [];
  const passed: string[] = [];
  for (const { role, path: bytes, required } of specs) {
    const path = fromBytes(bytes);
    const slash = path.lastIndexOf('/');
    const name = path.slice(slash + 1);
    const led = follow(joinPath(cwd, path.slice(0, slash + 1)), tree);
    if (led === undefined || path.includes('\0') || /^\.{0,2}$/.test(name)) return notAcceptable(`output ${path}`);
    const real = joinPath(led.real, name);
    if (!isFree(real) || led.passed.some((each) => !isFree(each))) return notAcceptable(`output ${path}`);
    if (isTaken(real, tree) || [led.real, ...led.passed].some((each) => isBlocked(each, tree)))
      return notAcceptable(`output ${path}`);
    outputs.push({ role, path, required, directory: led.real });
    passed.push(...led.passed);
  }
  return { outputs, passed };
}

function joinPath(directory: string, path: string): string {
  if (path.startsWith('/')) return path;
  return directory.endsWith('/') ? directory + path : `${directory}/${path}`;
}

function isTaken(path: string, { files, links, directories }: NodeTable): boolean {
  return files.has(path) || links.has(path) || directories.has(path);
}

/** Is a file where a directory has to be? */
function isBlocked(directory: string, { files }: NodeTable): boolean {
  for (let path = directory; path !== ''; path = path.slice(0, path.lastIndexOf('/'))) if (files.has(path)) return true;
  return false;
}

/**
 * Is it one compile, fully understood, that writes what the task says? `read` gives the content of a file of the task,
 * by its path in the tree. Nothing from the wire is run that has not passed this.
 */
export function checkCommand(task: CompileTask, read: (path: string) => string | undefined): NotAcceptable | undefined {
  const { compiler, args, cwd, tree } = task;
  const named = classifyDriver(compiler);
  const real = classifyDriver(follow(compiler, tree)?.real ?? '');
  const family = real === undefined || real.family === 'ambiguous' ? named?.family : real.family;
  if (named === undefined || family === undefined || family === 'ambiguous') return notAcceptable('compiler');
  const expanded = expandResponseFiles(args, (path) => {
    const led = follow(joinPath(cwd, path), tree);
    return led === undefined ? undefined : read(led.real);
  });
  if ('kind' in expanded) return notAcceptable(expanded.reason);
  const meaning = parseCommandLine({ family, mode: named.mode, args: expanded.args });
  if (meaning.kind === 'not-a-compile') return notAcceptable('no compile');
  if (meaning.kind === 'refused') return notAcceptable(meaning.reason);
  if (!isNativeTold(meaning, task)) return notAcceptable('native architecture');
  return sameOutputs(meaning.outputs, task.outputs) ? undefined : notAcceptable('outputs');
}

function sameOutputs(meant: readonly Output[], said: readonly PlacedOutput[]): boolean {
  const text = (outputs: readonly { role: string; path: string; required: boolean }[]): string =>
    JSON.stringify(outputs.map(({ role, path, required }) => [role, path, required]).sort());
  return text(meant) === text(said);
}

/**
 * Words for `native` come with commands that say it, in their compiler's terms, and with no others. They must be on the
 * line itself, where they are replaced.
 */
function isNativeTold({ nativeArch, family }: Invocation, { native, args }: CompileTask): boolean {
  if (!nativeArch || native === undefined) return !nativeArch && native === undefined;
  if (native.family !== family || args.some((arg) => arg.startsWith('@'))) return false;
  return native.family === 'gcc' || !asksOtherwise(args);
}
