import { type Digest, sha256 } from '../base/digest.ts';
import { type Refusal, refuse } from '../base/refusal.ts';
import type { Family } from '../compiler/invocation.ts';
import { type AskContext, askCompiler } from './ask-compiler.ts';
import { programKind } from './elf.ts';
import type { FileStates } from './file-state.ts';
import { type GccInstallations, gccInstallations, type NamedDirectory, namesIn } from './gcc-installations.ts';

/**
 * A compiler named by what it consists of: digests of the driver, of cc1, cc1plus and `as`, of a specs file and of every
 * shared library they load. Its name and version string prove nothing: compilers are upgraded in place, and `as` is
 * whatever PATH finds first.
 */
export interface Toolchain {
  readonly kind: 'toolchain';
  readonly family: Family;
  readonly digest: Digest;
  /** The driver first, by its real path. */
  readonly parts: readonly ToolchainPart[];
  /** Where a part would have been found earlier: these must stay absent. */
  readonly absent: readonly string[];
  /** Directories in which no name may come or go: where clang looks for a gcc to take headers from. */
  readonly directories: readonly NamedDirectory[];
  /** GNU `as`, which lists what it read when asked with --MD. */
  readonly gnuAssembler: boolean;
  /** First line of the version, for people. */
  readonly version: string;
}

export interface ToolchainPart {
  readonly path: string;
  readonly digest: Digest;
}

export interface ToolchainQuestion extends AskContext {
  /** Absolute path of the driver. */
  readonly compiler: string;
  /** Options that choose other parts (-B, --sysroot, -m32). */
  readonly toolArgs: readonly string[];
  readonly allowScript: boolean;
  /** Programs that gcc runs for some compiles only: objcopy splits debug information off, cc1obj reads Objective-C. */
  readonly morePrograms: readonly string[];
}

export interface Toolchains {
  identify(question: ToolchainQuestion): Promise<Toolchain | Refusal>;
}

/** Variables that change which parts a driver takes. */
const DECIDING_VARIABLES = ['PATH', 'COMPILER_PATH', 'GCC_EXEC_PREFIX', 'LD_LIBRARY_PATH', 'LD_PRELOAD'];

const WRAPPERS = /^(ccache|sccache|distcc|icecc|hgbuild|hg-launcher)$/;

export function toolchains(files: FileStates): Toolchains {
  const known = new Map<string, Promise<Toolchain | Refusal>>();
  const stillHolds = (t: Toolchain, compiler: string): boolean =>
    files.realPathOf(compiler) === t.parts[0]?.path &&
    t.parts.every((part) => files.digestOf(part.path)?.digest === part.digest) &&
    t.absent.every((path) => files.stampOf(path) === undefined) &&
    t.directories.every(({ path, names }) => namesIn(path, files) === names);
  return {
    async identify(question) {
      const key = JSON.stringify([
        question.compiler,
        question.toolArgs,
        question.allowScript,
        question.morePrograms,
        DECIDING_VARIABLES.map((name) => question.env.get(name) ?? null),
        question.toolArgs.length > 0 ? question.cwd : '',
      ]);
      const before = await known.get(key);
      if (before !== undefined && before.kind === 'toolchain' && stillHolds(before, question.compiler)) return before;
      const asked = identify(question, files);
      known.set(key, asked);
      const answer = await asked;
      // A refusal is not remembered: the compiler may be repaired.
      if (answer.kind === 'refused') known.delete(key);
      return answer;
    },
  };
}

async function identify(question: ToolchainQuestion, files: FileStates): Promise<Toolchain | Refusal> {
  const driver = files.realPathOf(question.compiler);
  if (driver === undefined) return refuse('not-a-compiler', question.compiler);
  if (WRAPPERS.test(driver.slice(driver.lastIndexOf('/') + 1))) return refuse('compiler-is-script', driver);
  const kind = programKind(driver);
  if (kind.kind === 'unknown') return refuse('not-a-compiler', driver);
  if (kind.kind === 'script' && !question.allowScript) return refuse('compiler-is-script', driver);
  const version = await askCompiler(question.compiler, [...question.toolArgs, '-v'], question);
  const family = version === undefined ? undefined : familyOf(version.stderr);
  if (version === undefined || family === undefined) return refuse('not-a-compiler', question.compiler);
  const target = family === 'clang' ? /^Target: (\S+)$/m.exec(version.stderr)?.[1] : undefined;
  const programs = await findPrograms(question, family, target, files);
  if (programs === undefined) return refuse('compiler-unknown', question.compiler);
  return assemble(question, family, version.stderr, [driver, ...programs.paths], programs, files);
}

function familyOf(versionText: string): Family | undefined {
  if (/^.*\bclang version /m.test(versionText)) return 'clang';
  return /^gcc version /m.test(versionText) ? 'gcc' : undefined;
}

interface Programs {
  readonly paths: readonly string[];
  readonly absent: readonly string[];
  readonly assembler: string | undefined;
}

async function findPrograms(
  question: ToolchainQuestion,
  family: Family,
  target: string | undefined,
  files: FileStates,
): Promise<Programs | undefined> {
  const names = family === 'gcc' ? ['cc1', 'cc1plus', 'as', 'specs'] : ['as'];
  if (family === 'gcc') names.push(...question.morePrograms);
  const answers = await Promise.all(
    names.map((name) => {
      const option = name === 'specs' ? '-print-file-name=' : '-print-prog-name=';
      return askCompiler(question.compiler, [...question.toolArgs, option + name], question);
    }),
  );
  const paths: string[] = [];
  const directories = await programDirectories(question);
  const absent: string[] = [];
  let assembler: string | undefined;
  for (const [i, name] of names.entries()) {
    const answer = answers[i];
    if (answer === undefined || !answer.ok) return undefined;
    const said = answer.stdout.replace(/\n$/, '');
    const found = said.startsWith('/') ? said : inPath(name) ? searchPath(said, question, files, absent) : undefined;
    if (name !== 'specs') absent.push(...placesBefore(name, said, directories, files));
    if (name === 'as' && target !== undefined) absent.push(...namesWithTarget(target, found, directories, question));
    if (found === undefined) continue; // a C-only installation has no cc1plus, and specs are built in
    if (name === 'as') assembler = found;
    paths.push(found);
  }
  return { paths, absent, assembler };
}

/** Where the driver looks for its programs before PATH: COMPILER_PATH, -B and the installation's own directories. */
async function programDirectories(question: ToolchainQuestion): Promise<readonly string[]> {
  const says = await askCompiler(question.compiler, [...question.toolArgs, '-print-search-dirs'], question);
  const listed = /^programs: =?(.*)$/m.exec(says?.stdout ?? '')?.[1]?.split(':') ?? [];
  const absolute = listed.map((path) => (path.startsWith('/') ? path : `${question.cwd}/${path}`));
  return [...new Set(absolute.map((path) => path.replace(/\/+$/, '')))];
}

/**
 * Names that would be taken instead of the program found, were they there. gcc also takes headers from `include` beside
 * such a program, so that a directory put before its own may not get one either.
 */
function placesBefore(
  name: string,
  found: string,
  directories: readonly string[],
  files: FileStates,
): readonly string[] {
  const places: string[] = [];
  for (const directory of directories) {
    if (files.stampOf(directory) === undefined) {
      places.push(directory);
      continue;
    }
    if (`${directory}/${name}` === found) break;
    const others = name === 'cc1' ? ['include', 'include-fixed'] : [];
    places.push(...[name, ...others].map((other) => `${directory}/${other}`));
  }
  return places.filter((path) => files.stampOf(path) === undefined);
}

/** clang prefers an assembler named after its target, wherever it lies: none but the one found may be there. */
function namesWithTarget(
  target: string,
  found: string | undefined,
  directories: readonly string[],
  { cwd, env }: ToolchainQuestion,
): readonly string[] {
  const inPath = (env.get('PATH') ?? '').split(':').filter((directory) => directory !== '');
  const all = [...new Set([...directories, ...inPath.map((path) => (path.startsWith('/') ? path : `${cwd}/${path}`))])];
  const places = all.map((directory) => `${directory}/${target}-as`);
  return places.includes(found ?? '') ? [] : places;
}

/** Parts that are no compiler's own: the driver takes them from PATH where it has none beside it. */
function inPath(name: string): boolean {
  return name === 'as' || name === 'objcopy' || name.startsWith('cc1obj');
}

/** Finds a program as execvp does; the places before it go into `absent`. */
function searchPath(
  name: string,
  question: ToolchainQuestion,
  files: FileStates,
  absent: string[],
): string | undefined {
  for (const directory of (question.env.get('PATH') ?? '/bin:/usr/bin').split(':')) {
    const base =
      directory === '' ? question.cwd : directory.startsWith('/') ? directory : `${question.cwd}/${directory}`;
    const candidate = `${base}/${name}`;
    if (files.stampOf(candidate)?.kind === 'file') return candidate;
    absent.push(candidate);
  }
  return undefined;
}

async function assemble(
  question: ToolchainQuestion,
  family: Family,
  versionText: string,
  programs: readonly string[],
  found: Programs,
  files: FileStates,
): Promise<Toolchain | Refusal> {
  const libraries = await Promise.all(programs.map((program) => librariesOf(program, question)));
  const paths = [...new Set([...programs, ...libraries.flat()])];
  const parts: ToolchainPart[] = [];
  for (const path of paths) {
    const state = files.digestOf(path);
    if (state === undefined) return refuse('compiler-unknown', path);
    parts.push({ path, digest: state.digest });
  }
  const installations: GccInstallations =
    family === 'clang' ? gccInstallations(versionText, question.cwd, files) : { directories: [], absent: [] };
  const says = found.assembler === undefined ? undefined : await askCompiler(found.assembler, ['--version'], question);
  return {
    kind: 'toolchain',
    family,
    digest: sha256(JSON.stringify([family, parts, installations.directories])),
    parts,
    absent: [...found.absent, ...installations.absent],
    directories: installations.directories,
    gnuAssembler: says?.stdout.startsWith('GNU assembler') === true,
    version: /^.*(?:gcc|clang) version .*$/m.exec(versionText)?.[0] ?? '',
  };
}

/** The shared libraries a program loads, as its own loader finds them. None for static programs and scripts. */
async function librariesOf(program: string, at: AskContext): Promise<readonly string[]> {
  const kind = programKind(program);
  if (kind.kind !== 'elf' || kind.interpreter === undefined) return [];
  const listed = await askCompiler(kind.interpreter, ['--list', program], at);
  const paths = listed?.stdout.matchAll(/^\t(?:\S+ => )?(\/.*?) \(0x[0-9a-f]+\)$/gm) ?? [];
  return [kind.interpreter, ...Array.from(paths, (match) => match[1] ?? '')].filter((path) => path !== '');
}
