import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, normalize, relative } from 'node:path';
import { forDisplay, fromNative } from '../../src/base/byte-string.ts';
import { stripColour } from '../../src/compiler/colour.ts';
import { parseDepfile } from '../../src/compiler/depfile.ts';
import { classifyDriver } from '../../src/compiler/driver.ts';
import type { Invocation, Output } from '../../src/compiler/invocation.ts';
import { parseCommandLine } from '../../src/compiler/parse-command-line.ts';
import { type GeneratedLine, generateLine, seededRandom } from './command-lines-generator.ts';
import { type TracedRun, traceRun } from './command-lines-trace.ts';
import { changedFiles, isPlanted, plantTree, readTree } from './command-lines-tree.ts';

/**
 * Differential test of the compiler model: what `parseCommandLine` says a line reads, writes and depends on, against
 * what gcc and clang do when they run it. A line that the model takes for a compile and that behaves otherwise is a
 * finding: the cache would give a wrong result, or none where there is one.
 */

/** One contradiction between the model and a compiler. */
export interface Finding {
  readonly line: string;
  readonly what: string;
}

export interface FuzzReport {
  lines: number;
  /** Taken for a compile by the model; of these, so many did compile. */
  compiles: number;
  succeeded: number;
  /** Twins with an equal key and an output under another name, compared byte for byte. */
  twins: number;
  /** Refusals by reason. */
  readonly refused: Map<string, number>;
  readonly findings: Finding[];
}

/** Where a line runs: a planted tree and a directory for temporary files, both thrown away afterwards. */
interface Workspace {
  readonly root: string;
  readonly scratch: string;
  plant(): void;
}

function openWorkspace(): Workspace & Disposable {
  const base = mkdtempSync(join(tmpdir(), 'hg-fuzz-'));
  const [root, scratch] = [join(base, 'tree'), join(base, 'scratch')];
  mkdirSync(scratch);
  const plant = () => {
    rmSync(root, { recursive: true, force: true });
    plantTree(root);
  };
  return { root, scratch, plant, [Symbol.dispose]: () => rmSync(base, { recursive: true, force: true }) };
}

/** Runs lines from a seed until `done` says enough. */
export function fuzzCommandLines(seed: number, done: (report: FuzzReport) => boolean): FuzzReport {
  const random = seededRandom(seed);
  const report: FuzzReport = { lines: 0, compiles: 0, succeeded: 0, twins: 0, refused: new Map(), findings: [] };
  using workspace = openWorkspace();
  while (!done(report)) checkLine(generateLine(random), workspace, report);
  return report;
}

/** Checks given lines, for example every option of the tables once. */
export function checkLines(lines: Iterable<GeneratedLine>): FuzzReport {
  const report: FuzzReport = { lines: 0, compiles: 0, succeeded: 0, twins: 0, refused: new Map(), findings: [] };
  using workspace = openWorkspace();
  for (const line of lines) checkLine(line, workspace, report);
  return report;
}

function meaningOf(compiler: string, args: readonly string[]) {
  const driver = classifyDriver(compiler);
  if (driver === undefined || driver.family === 'ambiguous') throw new Error(`no driver: ${compiler}`);
  return parseCommandLine({ family: driver.family, mode: driver.mode, args: args.map(fromNative) });
}

function checkLine(line: GeneratedLine, workspace: Workspace, report: FuzzReport): void {
  report.lines++;
  const meaning = meaningOf(line.compiler, line.args);
  if (meaning.kind !== 'compile') {
    const reason = meaning.kind === 'refused' ? meaning.reason : meaning.kind;
    report.refused.set(reason, (report.refused.get(reason) ?? 0) + 1);
    return;
  }
  report.compiles++;
  const fail = (what: string) => report.findings.push({ line: [line.compiler, ...line.args].join(' '), what });
  workspace.plant();
  const run = traceRun([line.compiler, ...line.args], workspace.root, workspace.scratch);
  if (run.status !== 0) return;
  report.succeeded++;
  const files = readTree(workspace.root);
  checkWrites(meaning, run, files, workspace, fail);
  checkReads(meaning, run, files, workspace, fail);
  checkFacts(meaning, run, files, fail);
  checkInstrumented(line, meaning, files, run, workspace, fail);
  checkSearchList(line, meaning, workspace, fail);
  checkTwin(line, meaning, files, workspace, report, fail);
}

type Fail = (what: string) => void;
type Files = ReadonlyMap<string, Buffer>;

/** A path of the meaning as a path relative to the tree. */
function treePath(path: string): string {
  const native = forDisplay(path);
  return normalize(native);
}

function checkWrites(
  meaning: Invocation,
  run: TracedRun,
  files: Files,
  { root, scratch }: Workspace,
  fail: Fail,
): void {
  const expected = new Set(meaning.outputs.map((output) => treePath(output.path)));
  for (const path of changedFiles(files)) if (!expected.has(path)) fail(`wrote ${path}, which is no output`);
  for (const output of meaning.outputs) {
    const path = treePath(output.path);
    if (output.required && (!files.has(path) || isPlanted(path))) fail(`did not write ${path} (${output.role})`);
  }
  for (const path of run.writes) {
    const inside =
      path.startsWith(`${root}/`) || path.startsWith(`${scratch}/`) || path === '/dev/null' || path === '/dev/tty';
    if (!inside) fail(`wrote ${path}, outside`);
  }
  if (run.stdout !== '') fail(`wrote to stdout: ${run.stdout.slice(0, 80)}`);
}

function checkReads(meaning: Invocation, run: TracedRun, files: Files, { root }: Workspace, fail: Fail): void {
  const explained = new Set(
    [meaning.source, ...meaning.extraInputs, ...meaning.outputs.map((o) => o.path)].map(treePath),
  );
  for (const { name } of meaning.preprocesses ? meaning.forcedIncludes : []) explained.add(treePath(name));
  const listed = dependencies(meaning, files);
  for (const path of run.reads) {
    const inTree = relative(root, path);
    if (inTree.startsWith('..') || explained.has(inTree)) continue;
    if (!inTree.endsWith('.h') || !meaning.preprocesses) fail(`read ${inTree}, which is no input`);
    else if (listed !== undefined && !listed.has(inTree)) fail(`read ${inTree}, which the depfile does not list`);
  }
}

/** The files of the user's depfile, where it lists all. */
function dependencies(meaning: Invocation, files: Files): ReadonlySet<string> | undefined {
  if (meaning.depfile.kind === 'none' || !meaning.depfile.systemHeaders) return undefined;
  const text = files.get(treePath(meaning.depfile.path))?.toString('latin1');
  const parsed = text === undefined ? undefined : parseDepfile(text);
  return new Set(parsed?.inputs.map(treePath));
}

/** What the meaning claims beyond files: debug information, the assembler, colours. */
function checkFacts(meaning: Invocation, run: TracedRun, files: Files, fail: Fail): void {
  const main = files.get(treePath(meaning.output))?.toString('latin1') ?? '';
  const asText = meaning.language === 'assembler' || meaning.language === 'assembler-with-cpp';
  if (!meaning.debug && !asText && /\.z?debug_info/.test(main)) fail('has debug information that was not seen');
  const ranAssembler = run.programs.some((program) => /\/(?:[\w.]+-)*as$/.test(program));
  if (ranAssembler !== meaning.externalAssembler) fail(`external assembler: ${ranAssembler}`);
  if (meaning.colour === 'auto' && run.stderr.includes('\x1b')) fail('coloured without being told');
}

/** The options that are added to learn the inputs and to keep colours must not change anything but what they add. */
function checkInstrumented(
  line: GeneratedLine,
  meaning: Invocation,
  files: Files,
  run: TracedRun,
  { root, scratch, plant }: Workspace,
  fail: Fail,
): void {
  if (meaning.recordsCommandLine) return;
  const extra: string[] = [];
  const own = join(scratch, 'own.d');
  if (meaning.depfile.kind === 'none' && meaning.preprocesses) extra.push('-MD', '-MF', own);
  if (meaning.family === 'gcc' && meaning.externalAssembler) extra.push(`-Wa,--MD,${join(scratch, 'as.d')}`);
  if (meaning.colour === 'auto')
    extra.push(meaning.family === 'gcc' ? '-fdiagnostics-color=always' : '-fcolor-diagnostics');
  plant();
  const args = addArguments(line.args, extra);
  const again = spawnSync(line.compiler, args, {
    cwd: root,
    env: { ...process.env, TMPDIR: scratch, LC_ALL: 'C.UTF-8' },
    encoding: 'utf8',
  });
  if (again.status !== run.status) {
    fail(`with ${extra.join(' ')} it exits ${again.status}`);
    return;
  }
  const stripped = meaning.colour === 'auto' ? stripColour(again.stderr, meaning.family) : again.stderr;
  if (steady(stripped) !== steady(run.stderr))
    fail(`with ${extra.join(' ')} stderr differs: ${stripped.slice(0, 200)}`);
  compareOutputs(
    line,
    meaning,
    meaning,
    files,
    readTree(root),
    { root, scratch, plant },
    fail,
    `with ${extra.join(' ')}`,
  );
  rmSync(join(scratch, 'as.d'), { force: true });
  if (extra.includes(own)) checkOwnDepfile(own, meaning, run, root, fail);
}

/** Clang takes nothing as an option after `--`. */
function addArguments(args: readonly string[], extra: readonly string[]): string[] {
  const at = args.indexOf('--');
  return at < 0 ? [...args, ...extra] : [...args.slice(0, at), ...extra, ...args.slice(at)];
}

/** Temporary names differ from run to run. */
function steady(stderr: string): string {
  return stderr.replace(/\/[^ ]*\/scratch\/[\w.-]+/g, 'TEMPORARY');
}

function checkOwnDepfile(path: string, meaning: Invocation, run: TracedRun, root: string, fail: Fail): void {
  const listed = new Set(parseDepfile(readFileSync(path, 'latin1'))?.inputs.map(treePath));
  rmSync(path);
  for (const read of run.reads) {
    const inTree = relative(root, read);
    if (!inTree.startsWith('..') && inTree.endsWith('.h') && !listed.has(inTree)) fail(`-MD does not list ${inTree}`);
  }
  if (!listed.has(treePath(meaning.source))) fail('-MD does not list the source');
}

/** The search arguments alone must make the compiler search where the whole line makes it search. */
function checkSearchList(line: GeneratedLine, meaning: Invocation, { root, scratch }: Workspace, fail: Fail): void {
  if (!meaning.preprocesses) return;
  const env = { ...process.env, TMPDIR: scratch, LC_ALL: 'C.UTF-8' };
  const listOf = (args: readonly string[]) => {
    const { stderr } = spawnSync(line.compiler, args, { cwd: root, env, encoding: 'utf8' });
    const start = stderr.indexOf('#include "..."');
    return start < 0 ? stderr : stderr.slice(start, stderr.indexOf('End of search list', start));
  };
  const asked = ['-x', meaning.language, ...meaning.searchArgs.map(forDisplay), '-E', '-v', '/dev/null'];
  const expected = listOf(addArguments(line.args, ['-v']));
  const found = listOf(asked);
  if (found !== expected) fail(`searches ${JSON.stringify(found)} for ${JSON.stringify(expected)}`);
}

/** Equal keys promise equal bytes: the same line with other output names is run and compared. */
function checkTwin(
  line: GeneratedLine,
  meaning: Invocation,
  files: Files,
  workspace: Workspace,
  report: FuzzReport,
  fail: Fail,
): void {
  const twin = meaningOf(line.compiler, line.twin);
  if (twin.kind !== 'compile' || twin.keyArgs.join('\0') !== meaning.keyArgs.join('\0')) return;
  workspace.plant();
  const run = spawnSync(line.compiler, [...line.twin], {
    cwd: workspace.root,
    env: { ...process.env, TMPDIR: workspace.scratch, LC_ALL: 'C.UTF-8' },
  });
  if (run.status !== 0) {
    fail('its twin fails');
    return;
  }
  report.twins++;
  compareOutputs(line, meaning, twin, files, readTree(workspace.root), workspace, fail, 'as twin');
}

function compareOutputs(
  line: GeneratedLine,
  meaning: Invocation,
  other: Invocation,
  files: Files,
  otherFiles: Files,
  workspace: Workspace,
  fail: Fail,
  how: string,
): void {
  for (const output of meaning.outputs) {
    const counterpart = other.outputs.find((candidate) => candidate.role === output.role) as Output;
    const [a, b] = [files.get(treePath(output.path)), otherFiles.get(treePath(counterpart.path))];
    if ((a === undefined) !== (b === undefined)) fail(`${how}: ${output.role} only in one`);
    else if (a !== undefined && b !== undefined && !a.equals(b) && isStable(line, output, a, workspace))
      fail(`${how}: ${output.role} differs`);
  }
}

/**
 * Whether the plain compiler gives the same bytes for an output each time: not with LTO or coverage without a seed, and
 * with gcc's -gctf only every other time, so it is asked often.
 */
function isStable(line: GeneratedLine, output: Output, bytes: Buffer, { root, scratch, plant }: Workspace): boolean {
  for (let i = 0; i < 8; i++) {
    plant();
    spawnSync(line.compiler, [...line.args], {
      cwd: root,
      env: { ...process.env, TMPDIR: scratch, LC_ALL: 'C.UTF-8' },
    });
    const again = readTree(root).get(treePath(output.path));
    if (again === undefined || !again.equals(bytes)) return false;
  }
  return true;
}
