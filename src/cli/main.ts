import { existsSync } from 'node:fs';
import { compile } from './commands/compile.ts';
import { wrap } from './commands/wrap.ts';
import { CliError, EXIT, isCliError } from './exit-codes.ts';
import { type CommandLine, parseCommandLine } from './global-flags.ts';
import { printError } from './output.ts';
import type { Context } from './settings-context.ts';
import { baseName, isDriverName } from './wrap/compiler-names.ts';

const WRAPPED = new Set(['make', 'gmake', 'ninja', 'cmake']);

/** Runs one command line and ends the process with its exit code. */
export async function main(args: readonly string[]): Promise<void> {
  const daemon = /^--as-program=(hg-coord|hg-worker)$/.exec(args[0] ?? '')?.[1];
  try {
    if (daemon !== undefined) {
      const { runDaemon } = await import('./daemons/run-daemon.ts');
      process.exitCode = await runDaemon(daemon, args.slice(1), { env: process.env, cwd: workingDirectory() });
      return;
    }
    const line = parseCommandLine(args);
    const context: Context = { env: process.env, cwd: workingDirectory(), line };
    process.exitCode = await dispatch(context, line);
  } catch (error) {
    process.exitCode = report(error, daemon ?? 'hgbuild');
  }
}

/**
 * What stands on the way of a build is in the first file; everything else is loaded when it is asked for: commander
 * alone takes 9 ms. Wrapping commands take their arguments as they are, whatever these look like.
 */
async function dispatch(context: Context, line: CommandLine): Promise<number> {
  const { word, rest } = line;
  if (word !== undefined && !line.help && !line.version) {
    if (WRAPPED.has(baseName(word))) return wrap(context, word, rest);
    if (word === 'wrap') return wrap(context, ...wrappedCommand(rest));
    if (word.includes('/') || isDriverName(word)) return compile(context, word, rest);
    if (word === 'agent' && rest[0] === 'serve')
      return (await import('./commands/agent-serve.ts')).serve(context, rest);
  }
  return (await import('./program.ts')).runProgram(context);
}

function wrappedCommand(rest: readonly string[]): [command: string, args: readonly string[]] {
  const [command = '', ...args] = rest[0] === '--' ? rest.slice(1) : rest;
  if (command.startsWith('-')) throw new CliError(`wrap has no flag ${command}: hgbuild wrap COMMAND [ARGS]`);
  return [command, args];
}

/** A build may run in a directory that is gone; only what needs the path then fails. */
function workingDirectory(): string {
  try {
    return process.cwd();
  } catch {
    const { PWD } = process.env;
    return PWD !== undefined && existsSync(PWD) ? PWD : '/';
  }
}

function report(error: unknown, program: string): number {
  if (isCliError(error)) {
    if (error.message !== '') printError(`${program}: ${error.message}`);
    return error.exitCode;
  }
  printError(`${program}: internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return EXIT.negative;
}
