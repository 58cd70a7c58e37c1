import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import type { Difference, Explanation } from '../../agent/control.ts';
import { forDisplay, fromNative } from '../../base/byte-string.ts';
import { openSourceIndex } from '../../cache/source-index.ts';
import { cacheLayout } from '../../cas/layout.ts';
import { askAgent, startAgent } from '../agent-calls.ts';
import { CliError, EXIT } from '../exit-codes.ts';
import { fromCompileCommands, type RecordedCommand } from '../explain/compile-commands.ts';
import { requireLauncher } from '../installation.ts';
import { type Paint, painter, printJson, printOut, useColour } from '../output.ts';
import { type Context, environmentWithFlags, settingsOf } from '../settings-context.ts';
import { baseName } from '../wrap/compiler-names.ts';

/** Asking the compiler about itself and hashing every input takes a moment on a cold agent. */
const TIMEOUT_MS = 30_000;

/** `hgbuild explain FILE | -- COMMAND`: what the cache would do with this compile now, and why. Compiles nothing. */
export async function explain(context: Context, json: boolean): Promise<number> {
  const { settings } = await settingsOf(context);
  const launcher = requireLauncher(context.env);
  const env = environmentWithFlags(context, settings);
  const recorded = await recordedCommand(context, settings['cache.dir']);
  const command = {
    argv: withRealCompiler(recorded.argv, launcher, env),
    cwd: recorded.cwd,
    env: Object.fromEntries(
      Object.entries(env).filter(
        (e): e is [string, string] => e[1] !== undefined && !/^HG_(SESSION|NESTED)/.test(e[0]),
      ),
    ),
  };
  const problem = startAgent(launcher, env);
  if (problem !== undefined) throw new CliError(`${problem}; \`hgbuild doctor\` may know more`, EXIT.negative);
  const reply = await askAgent(launcher, env, { op: 'explain', command }, TIMEOUT_MS);
  if (reply?.ok !== true || !('explanation' in reply)) {
    throw new CliError(
      `the agent cannot explain it: ${reply?.ok === false ? reply.error : 'no answer'}`,
      EXIT.negative,
    );
  }
  const { argv, cwd } = command;
  if (json) printJson({ command: { argv, cwd, from: recorded.from }, explanation: reply.explanation });
  else printOut(describe(reply.explanation, recorded, painter(useColour(context.env))));
  return EXIT.ok;
}

async function recordedCommand(context: Context, cacheDirectory: string): Promise<RecordedCommand> {
  const words = context.line.rest.filter(
    (word, i, all) => word !== '--json' || (all.indexOf('--') >= 0 && i > all.indexOf('--')),
  );
  const separator = words.indexOf('--');
  if (separator >= 0) {
    const argv = words.slice(separator + 1);
    if (argv.length === 0) throw new CliError('explain needs a command after "--": hgbuild explain -- gcc -c x.c');
    return { argv, cwd: context.cwd, from: 'the command line' };
  }
  const [file, ...more] = words;
  if (file === undefined)
    throw new CliError('explain needs a file or a command: hgbuild explain x.c, hgbuild explain -- gcc -c x.c');
  if (more.length > 0)
    throw new CliError(`explain takes one file; a command stands after "--": hgbuild explain -- ${words.join(' ')}`);
  const found = fromCache(file, context.cwd, cacheDirectory) ?? fromCompileCommands(file, context.cwd);
  if (found === undefined) {
    throw new CliError(
      `no compile of ${file} is known: compile it once through hgbuild, or give the command: hgbuild explain -- gcc -c ${file}`,
      EXIT.negative,
    );
  }
  return found;
}

/** The last command that compiled the file through the cache. */
function fromCache(file: string, cwd: string, cacheDirectory: string): RecordedCommand | undefined {
  const found = openSourceIndex(cacheLayout(cacheDirectory)).find(fromNative(resolve(cwd, file)));
  if (found === undefined) return undefined;
  const argv = [found.compiler, ...found.args].map(forDisplay);
  return { argv, cwd: forDisplay(found.cwd), from: 'the last compile through the cache' };
}

/** The compiler's absolute path, past hgbuild and its links, as the launcher itself would find it. */
function withRealCompiler(argv: readonly string[], launcher: string, env: NodeJS.ProcessEnv): readonly string[] {
  const own = new Set(['hgbuild', 'hg-launcher']);
  const [compiler = '', ...args] = own.has(baseName(argv[0] ?? '')) ? argv.slice(1) : argv;
  const answer = spawnSync(launcher, ['--hg-resolve', compiler], { env, encoding: 'utf8' });
  if (answer.status !== 0) throw new CliError(`${compiler}: there is no such compiler in PATH`);
  return [answer.stdout.replace(/\n$/, ''), ...args];
}

function describe(explanation: Explanation, recorded: RecordedCommand, paint: Paint): string {
  const lines = [
    `${paint('dim', 'command')}  ${recorded.argv.join(' ')}`,
    `${paint('dim', 'in')}       ${recorded.cwd}`,
  ];
  switch (explanation.verdict) {
    case 'hit':
      lines.push(
        `${paint('good', 'hit')}: stored ${explanation.storedAt}, ${explanation.inputs.length} inputs unchanged, key ${explanation.key}`,
      );
      break;
    case 'miss':
      lines.push(
        `${paint('warn', 'miss')}: key ${explanation.key}`,
        ...explanation.differences.map(describeDifference),
      );
      if (explanation.differences.length === 0) lines.push('  nothing like this call was stored yet');
      break;
    case 'refused': {
      const detail = explanation.detail === '' ? '' : ` (${explanation.detail})`;
      lines.push(`${paint('bad', 'refused')}: ${explanation.reason}${detail}: ${explanation.meaning}`);
      break;
    }
    case 'not-a-compile':
      lines.push('not a compile: it is run as it is and not counted');
  }
  return lines.join('\n');
}

function describeDifference({ what, name, before, now }: Difference): string {
  const change =
    before === '' ? `now ${short(now)}` : now === '' ? `was ${short(before)}` : `${short(before)} -> ${short(now)}`;
  return `  ${what} ${name}: ${change}`;
}

/** Digests are told apart by their beginnings. */
function short(text: string): string {
  return /^[0-9a-f]{64}$/.test(text) ? text.slice(0, 12) : text;
}
