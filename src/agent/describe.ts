import { readFileSync } from 'node:fs';
import { forDisplay, fromBytes, fsPath } from '../base/byte-string.ts';
import type { Digest } from '../base/digest.ts';
import { type Refusal, refuse } from '../base/refusal.ts';
import { type Field, fingerprint } from '../cache/fingerprint.ts';
import { classifyDriver } from '../compiler/driver.ts';
import { keyEnvironment, refusingVariable } from '../compiler/environment.ts';
import type { Invocation } from '../compiler/invocation.ts';
import { isObjective } from '../compiler/languages.ts';
import { parseCommandLine } from '../compiler/parse-command-line.ts';
import { namesProfilesAsKnown, profilesRead } from '../compiler/profile-data.ts';
import { expandResponseFiles } from '../compiler/response-file.ts';
import type { Settings } from '../config/settings.ts';
import { askCompiler } from './ask-compiler.ts';
import type { FileStates } from './file-state.ts';
import type { PathHistory } from './path-history.ts';
import type { RequestSettings } from './request-settings.ts';
import type { Toolchain, Toolchains } from './toolchain.ts';
import { openWays, type Ways } from './ways.ts';
import type { CompileRequest } from './wire.ts';

/** A compile of which everything is known that decides its result, but for the contents of the files it reads. */
export interface Description {
  readonly kind: 'compile';
  readonly request: CompileRequest;
  readonly invocation: Invocation;
  readonly toolchain: Toolchain;
  readonly settings: Settings;
  /** The manifest's name, and the fields it was made from. */
  readonly key: Digest;
  readonly fields: readonly Field[];
  /** Files whose content decided this description: response files and configuration files that exist. */
  readonly decidingFiles: readonly string[];
  /** Configuration files that do not exist, and places where the assembler was not found: they must stay absent. */
  readonly decidingAbsent: readonly string[];
  /** Profiles that the compile may read, where they are and where they may appear. */
  readonly profiles: readonly string[];
  /** Names in the directories that compiles write into, by real path, as they were before the compile. */
  readonly namesBefore: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Refused before it was clear that it is a compile at all, or a link, or nothing to us. */
export type Described =
  | Description
  | (Refusal & { readonly settings: Settings | undefined })
  | { readonly kind: 'not-a-compile'; readonly settings: Settings };

export interface DescribeServices {
  readonly files: FileStates;
  readonly toolchains: Toolchains;
  readonly settings: RequestSettings;
  readonly nativeArch: NativeArch;
  readonly history: PathHistory;
}

/** What -march=native and the like mean on this machine: the words the driver hands to the compiler proper. */
export interface NativeArch {
  expansion(request: CompileRequest, invocation: Invocation, toolchain: Toolchain): Promise<string | undefined>;
}

export function nativeArch(): NativeArch {
  const known = new Map<string, Promise<string | undefined>>();
  return {
    expansion(request, invocation, toolchain) {
      const key = JSON.stringify([toolchain.digest, request.compiler, invocation.language, invocation.searchArgs]);
      const asked = known.get(key) ?? expandNative(request, invocation);
      known.set(key, asked);
      return asked;
    },
  };
}

async function expandNative(request: CompileRequest, invocation: Invocation): Promise<string | undefined> {
  const args = [...invocation.searchArgs, '-###', '-E', '-x', invocation.language, '/dev/null'];
  const says = await askCompiler(request.compiler, args, { cwd: request.cwd, env: request.env });
  return says?.ok === true ? compilerCall(says.stderr) : undefined;
}

/** The line of `-###` that calls the compiler proper. clang says before it where that runs: " (in-process)". */
export function compilerCall(said: string): string | undefined {
  return said.split('\n').find((text) => /^ [^ (]/.test(text));
}

export async function describeCompile(request: CompileRequest, services: DescribeServices): Promise<Described> {
  const resolution = await services.settings.resolve(request.cwd, request.env);
  if (!resolution.ok) return { ...refuse('bad-config'), settings: undefined };
  const { settings } = resolution;
  const refused = (refusal: Refusal): Described => ({ ...refusal, settings });
  if (!settings['cache.enabled']) return refused(refuse('disabled'));
  const driver = classifyDriver(request.compiler.slice(request.compiler.lastIndexOf('/') + 1));
  const variable = refusingVariable(request.env);
  if (variable !== undefined) return refused(refuse('compiler-environment', variable));

  const expanded = expandResponseFiles(request.args, (path) => readText(inDirectory(request.cwd, path)));
  if ('kind' in expanded) return refused(expanded);
  // The family is confirmed by the compiler itself; parsing needs a guess first because options choose the parts.
  const allowScript = settings['compile.allow_script_compilers'].includes(request.compiler);
  const asked = { compiler: request.compiler, cwd: request.cwd, env: request.env, allowScript };
  const general = await services.toolchains.identify({ ...asked, toolArgs: [], morePrograms: [] });
  if (general.kind === 'refused') return refused(general);
  const meaning = parseCommandLine({ family: general.family, mode: driver?.mode ?? 'c', args: expanded.args });
  if (meaning.kind === 'refused') return refused(meaning);
  if (meaning.kind === 'not-a-compile') return { kind: 'not-a-compile', settings };
  if (meaning.profile?.kind === 'derived' && !namesProfilesAsKnown(general.version))
    return refused(refuse('profile-use', general.version));
  if (meaning.stage === 'precompiled' && !makesHeadersAsKnown(general.version))
    return refused(refuse('precompiled-header', general.version));
  if (driver === undefined) return refused(refuse('not-a-compiler', request.compiler));

  const morePrograms = general.family === 'gcc' ? programsFor(meaning) : [];
  const special = morePrograms.length > 0 || meaning.toolArgs.length > 0;
  const toolchain = special
    ? await services.toolchains.identify({ ...asked, toolArgs: meaning.toolArgs, morePrograms })
    : general;
  if (toolchain.kind === 'refused') return refused(toolchain);
  const native = meaning.nativeArch ? await services.nativeArch.expansion(request, meaning, toolchain) : '';
  if (native === undefined) return refused(refuse('compiler-unknown', '-march=native'));
  const ways = openWays();
  const pwd = logicalDirectory(request, services.files);
  const profiles = profilesRead(meaning.profile, pwd).map((path) => inDirectory(request.cwd, path));
  services.history.note([...directoriesAtWork(request, meaning), ...profiles.map(directoryOf)], ways);
  const fields = keyFields(request, meaning, toolchain, native, pwd);
  return {
    kind: 'compile',
    request,
    invocation: meaning,
    toolchain,
    settings,
    fields,
    key: fingerprint(fields),
    decidingFiles: [
      ...expanded.files.map((path) => inDirectory(request.cwd, path)),
      ...resolution.files.filter((file) => file.present).map((file) => file.path),
    ],
    profiles,
    namesBefore: namesIn([request.cwd, directoryAt(request.cwd, meaning.output)], services.files, ways),
    decidingAbsent: [...resolution.files.filter((file) => !file.present).map((file) => file.path), ...toolchain.absent],
  };
}

/**
 * True for a gcc of which it is known what goes into a precompiled header, that making one asks for no other, and that
 * one can be used at whatever address it comes to lie. Seen with gcc 12.
 */
function makesHeadersAsKnown(version: string): boolean {
  return /\bgcc version 12\./.test(version);
}

/** What gcc runs for this compile beside cc1, cc1plus and the assembler. */
function programsFor({ language, outputs }: Invocation): readonly string[] {
  const compilers = isObjective(language) ? ['cc1obj', 'cc1objplus'] : [];
  return outputs.some(({ role }) => role === 'dwo') ? [...compilers, 'objcopy'] : compilers;
}

/**
 * Directories that this compile or its neighbours may write into meanwhile. It is noted which they are, because their
 * stamps will not tell.
 */
function directoriesAtWork({ cwd }: CompileRequest, { source, output, searchArgs }: Invocation): readonly string[] {
  const parents = [source, output].map((path) => directoryAt(cwd, path));
  const searched = searchArgs.map((arg) => inDirectory(cwd, arg.replace(/^-[I-]?/, '')));
  return [cwd, ...parents, ...searched];
}

function directoryAt(cwd: string, path: string): string {
  return directoryOf(inDirectory(cwd, path));
}

function directoryOf(path: string): string {
  return path.replace(/[^/]*$/, '');
}

function namesIn(
  directories: readonly string[],
  files: FileStates,
  ways: Ways,
): ReadonlyMap<string, ReadonlySet<string>> {
  const names = new Map<string, ReadonlySet<string>>();
  for (const directory of directories) {
    const real = ways.find(directory)?.real;
    const listing = real === undefined || names.has(real) ? undefined : files.listingOf(real);
    if (real !== undefined && listing !== undefined) names.set(real, listing.names);
  }
  return names;
}

/** Joins as the kernel does: no `..` is folded, because a directory before it may be a symbolic link. */
export function inDirectory(cwd: string, path: string): string {
  if (path.startsWith('/')) return path;
  return cwd.endsWith('/') ? cwd + path : `${cwd}/${path}`;
}

function readText(path: string): string | undefined {
  try {
    return fromBytes(readFileSync(fsPath(path)));
  } catch {
    return undefined;
  }
}

/** $PWD, where it is a valid other name of the directory: compilers then write it into debug information. */
function logicalDirectory(request: CompileRequest, files: FileStates): string {
  const pwd = request.env.get('PWD');
  if (pwd === undefined || pwd === request.cwd || !pwd.startsWith('/')) return request.cwd;
  const named = files.stampOf(pwd);
  const real = files.stampOf(request.cwd);
  const same = named !== undefined && real !== undefined && named.stamp.ino === real.stamp.ino;
  return same && named.stamp.dev === real.stamp.dev ? pwd : request.cwd;
}

function keyFields(
  request: CompileRequest,
  invocation: Invocation,
  toolchain: Toolchain,
  native: string,
  pwd: string,
): readonly Field[] {
  const field = (tag: Field['tag'], value: string): Field => ({ tag, value });
  return [
    field('toolchain', toolchain.digest),
    field('compiler', request.compiler),
    field('language', `${invocation.mode} ${invocation.language}`),
    field('stage', invocation.stage),
    ...invocation.keyArgs.map((arg) => field('option', arg)),
    ...keyEnvironment(request.env, invocation.family).map(([name, value]) => field('env', `${name}=${value}`)),
    field('cwd', request.cwd),
    field('pwd', pwd),
    field('source', invocation.source),
    field('native-arch', native),
  ];
}

/** How a source is called in messages to people. */
export function shownSource(invocation: Invocation): string {
  return forDisplay(invocation.source);
}
