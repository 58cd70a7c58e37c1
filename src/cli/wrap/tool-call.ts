import type { Jobs } from '../../config/value-types.ts';
import { baseName, isDriverName } from './compiler-names.ts';

/** What a wrapped tool is started with. */
export interface ToolCall {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

export interface WrapPlan {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly launcher: string;
  /** The masquerade directory, or `undefined` where none could be made. */
  readonly links: string | undefined;
  readonly jobs: Jobs;
  /** What `jobs: auto` means here. */
  readonly processors: number;
}

/** Searched by execvp when PATH is not set at all (glibc's confstr). */
const DEFAULT_PATH = '/bin:/usr/bin';

/**
 * How the tool has to be called so that its compiles pass through the launcher. A project must not see another CC than
 * its user gave (zstd hashes it into its directory names), so names are caught in PATH, and only a CC or CXX given as
 * a path, which PATH cannot catch, gets the launcher in front. CMake keeps absolute compiler paths and has a variable
 * of its own for launchers.
 */
export function planTool(plan: WrapPlan): ToolCall {
  const tool = baseName(plan.command);
  if (tool === 'cmake') return { command: plan.command, args: plan.args, env: cmakeEnvironment(plan) };
  const env = withLauncher(plan);
  if (plan.links !== undefined) env.PATH = withLinksFirst(plan.links, plan.env.PATH ?? DEFAULT_PATH);
  if (!isMake(tool)) return { command: plan.command, args: plan.args, env };
  const args = plan.args.map((arg) => variableWithLauncher(arg, plan.launcher));
  const wanted = wantedJobs(plan);
  const given =
    plan.args.some((arg) => /^--jobs|^-[bBdeihkLnpqrRsStvw]*j/.test(arg)) || /(^|\s)-?\w*j/.test(makeFlags(env));
  return { command: plan.command, args: wanted === undefined || given ? args : [`-j${wanted}`, ...args], env };
}

export function isMake(tool: string): boolean {
  return tool === 'make' || tool === 'gmake';
}

/** The single letters of MAKEFLAGS, without the variables and long options behind them. */
function makeFlags(env: NodeJS.ProcessEnv): string {
  return (env.MAKEFLAGS ?? '')
    .replace(/ -- .*$/, '')
    .replace(/(^|\s)--(?!jobserver)\S+/g, ' ')
    .replace(/\S+=\S*/g, (word) => (word.includes('jobserver') ? 'j' : ' '));
}

function wantedJobs(plan: WrapPlan): number | undefined {
  if (plan.jobs === 'tool') return undefined;
  return plan.jobs === 'auto' ? plan.processors : plan.jobs;
}

function withLinksFirst(links: string, path: string): string {
  const rest = path.split(':').filter((entry) => entry !== links);
  return [links, ...rest].join(':');
}

function withLauncher(plan: WrapPlan): NodeJS.ProcessEnv {
  const env = { ...plan.env };
  for (const name of ['CC', 'CXX']) {
    const value = env[name];
    if (value !== undefined) env[name] = launchedCompiler(value, plan.launcher);
  }
  return env;
}

/** `CC=/usr/bin/gcc -m32` as an argument of make, and its `:=` and `::=` spellings. */
function variableWithLauncher(arg: string, launcher: string): string {
  const match = /^((?:CC|CXX)\s*:{0,3}=)(.*)$/s.exec(arg);
  return match === null ? arg : `${match[1]}${launchedCompiler(match[2] ?? '', launcher)}`;
}

/** `LAUNCHER /path/gcc -m32` for `/path/gcc -m32`; anything else stays what it is. */
function launchedCompiler(value: string, launcher: string): string {
  const first = /^\s*(\S+)/.exec(value)?.[1] ?? '';
  // Make and the shell split the value at blanks: a launcher whose own path has one cannot be put there.
  if (!first.includes('/') || !isDriverName(baseName(first)) || !/^[\w/.+@%,:-]+$/.test(launcher)) return value;
  return `${launcher} ${value.trimStart()}`;
}

function cmakeEnvironment(plan: WrapPlan): NodeJS.ProcessEnv {
  const env = { ...plan.env };
  env.CMAKE_C_COMPILER_LAUNCHER ??= plan.launcher;
  env.CMAKE_CXX_COMPILER_LAUNCHER ??= plan.launcher;
  const jobs = wantedJobs(plan);
  if (jobs !== undefined) env.CMAKE_BUILD_PARALLEL_LEVEL ??= String(jobs);
  return env;
}
