import { type Command, Option } from 'commander';
import { CliError, EXIT } from './exit-codes.ts';
import { VERSION } from './installation.ts';
import { writeOut } from './output.ts';
import type { Context } from './settings-context.ts';

/** A command's work; its modules are loaded when it is called, not before. Gives the exit code. */
export type Action = (...parameters: never[]) => Promise<number> | number;

/** Wraps an action for commander, which knows nothing of exit codes. */
export type Finish = (action: Action) => (...parameters: unknown[]) => Promise<void>;

/** Every command with its arguments, options and description: the help and the completion scripts follow from it. */
export function addCommands(program: Command, context: Context, finish: Finish): void {
  addWrapping(program);
  addLinks(program, context, finish);
  addCache(program, context, finish);
  addExplain(program, context, finish);
  addAgent(program, context, finish);
  addGrid(program, context, finish);
  addConfig(program, context, finish);
  addOther(program, context, finish);
}

const WRAPPING = 'Build through the cache';
const LOOKING = 'Look into the cache';
const RUNNING = 'Set up and look after';

/** Named here for the help and for completion; `main.ts` runs them before commander is loaded. */
function addWrapping(program: Command): void {
  program.commandsGroup(WRAPPING);
  for (const [name, text] of [
    ['make', 'run make with its compiles caught'],
    ['ninja', 'run ninja with its compiles caught'],
    ['cmake', 'run cmake; trees it configures use the cache from then on'],
    ['wrap', 'run any other command with its compiles caught: wrap ./configure, wrap meson setup build'],
    ['cc', 'the C compiler ($CC, or cc) through the cache; any compiler may stand there: hgbuild gcc-12 -c x.c'],
    ['c++', 'the C++ compiler ($CXX, or c++) through the cache'],
  ] as const) {
    const argument = name === 'wrap' ? '<command> [arguments...]' : '[arguments...]';
    program.command(`${name} ${argument}`).description(text).helpOption(false);
  }
}

function addLinks(program: Command, context: Context, finish: Finish): void {
  program.commandsGroup(WRAPPING);
  program
    .command('install-links <directory>')
    .description('make links named like the compilers in PATH, for the front of PATH')
    .addOption(jsonOption())
    .action(
      finish(async (directory: string, options: JsonOption) =>
        (await import('./commands/links.ts')).installLinksCommand(context, directory, json(context, options)),
      ),
    );
  program
    .command('launcher')
    .description('print the path of the native launcher, callable as LAUNCHER gcc ARGS')
    .action(finish(async () => (await import('./commands/links.ts')).showLauncher(context)));
}

interface JsonOption {
  readonly json?: boolean;
}

function jsonOption(): Option {
  return new Option('--json', 'print JSON (docs/json.md)');
}

/** `--json` counts before the command as well as after it. */
function json(context: Context, options: JsonOption): boolean {
  return options.json === true || context.line.json;
}

function addCache(program: Command, context: Context, finish: Finish): void {
  program.commandsGroup(LOOKING);
  program
    .command('stats')
    .description('hits, misses and every reason for which a compile was not cached')
    .addOption(jsonOption())
    .option('--zero', 'start counting again from zero')
    .action(
      finish(async (options: JsonOption & { zero?: boolean }) =>
        (await import('./commands/stats.ts')).stats(context, {
          json: json(context, options),
          zero: options.zero === true,
        }),
      ),
    );
  const cache = program.command('cache').description('the cache directory: how full it is, clearing, checking');
  const load = (): Promise<typeof import('./commands/cache.ts')> => import('./commands/cache.ts');
  cache
    .command('stats')
    .description('how much the cache holds')
    .addOption(jsonOption())
    .action(finish(async (options: JsonOption) => (await load()).cacheStats(context, json(context, options))));
  cache
    .command('clear')
    .description('remove every result')
    .addOption(jsonOption())
    .action(finish(async (options: JsonOption) => (await load()).cacheClear(context, json(context, options))));
  cache
    .command('prune')
    .description('remove the least recently used results now')
    .option('--max-size <size>', 'down to this size instead of cache.max_size')
    .addOption(jsonOption())
    .action(
      finish(async (options: JsonOption & { maxSize?: string }) =>
        (await load()).cachePrune(context, options.maxSize, json(context, options)),
      ),
    );
  cache
    .command('verify')
    .description('read every result, check its digest, remove what is damaged')
    .addOption(jsonOption())
    .action(finish(async (options: JsonOption) => (await load()).cacheVerify(context, json(context, options))));
}

function addExplain(program: Command, context: Context, finish: Finish): void {
  program.commandsGroup(LOOKING);
  program
    .command('explain [file]')
    .usage('FILE | -- COMMAND')
    .description('why a compile hits, misses or is refused; for a miss, which input changed')
    .argument('[command...]')
    .addOption(jsonOption())
    .action(
      finish(async (_file: string | undefined, _command: string[], options: JsonOption) =>
        (await import('./commands/explain.ts')).explain(context, json(context, options)),
      ),
    );
}

function addAgent(program: Command, context: Context, finish: Finish): void {
  program.commandsGroup(RUNNING);
  const agent = program
    .command('agent')
    .description('the background process that knows the cache; it starts by itself');
  const load = (): Promise<typeof import('./commands/agent.ts')> => import('./commands/agent.ts');
  agent
    .command('start')
    .description('start it and wait until it answers')
    .addOption(jsonOption())
    .action(finish(async (options: JsonOption) => (await load()).agentStart(context, json(context, options))));
  agent
    .command('stop')
    .description('end it after it has stored what it has in hand')
    .addOption(jsonOption())
    .action(finish(async (options: JsonOption) => (await load()).agentStop(context, json(context, options))));
  agent
    .command('status')
    .description('is it running, and how is it')
    .addOption(jsonOption())
    .action(finish(async (options: JsonOption) => (await load()).agentStatus(context, json(context, options))));
  agent
    .command('logs')
    .description('the end of its log')
    .option('-f, --follow', 'go on printing what is added')
    .option('-n, --lines <count>', 'how many lines', '50')
    .addOption(jsonOption())
    .action(
      finish(async (options: JsonOption & { follow?: boolean; lines: string }) => {
        const lines = Number(options.lines);
        if (!Number.isInteger(lines) || lines < 0)
          throw new CliError(`--lines needs a number, "${options.lines}" is none`);
        const { agentLogs } = await import('./commands/agent-logs.ts');
        return agentLogs(context, { follow: options.follow === true, lines, json: json(context, options) });
      }),
    );
}

function addGrid(program: Command, context: Context, finish: Finish): void {
  program.commandsGroup('Use the grid');
  const load = (): Promise<typeof import('./commands/grid.ts')> => import('./commands/grid.ts');
  program
    .command('status')
    .description('the coordinator: is it there, how busy is it')
    .addOption(jsonOption())
    .action(finish(async (options: JsonOption) => (await load()).status(context, json(context, options))));
  program
    .command('workers')
    .description('the workers of the grid, and what they do')
    .addOption(jsonOption())
    .action(finish(async (options: JsonOption) => (await load()).workers(context, json(context, options))));
  program
    .command('up')
    .description('a coordinator and workers on this machine, until Ctrl-C')
    .option('-w, --workers <count>', 'how many workers', '2')
    .action(
      finish(async (options: { workers: string }) => {
        const workers = /^[1-9]\d?$/.test(options.workers) ? Number(options.workers) : undefined;
        if (workers === undefined)
          throw new CliError(`--workers needs a number from 1 to 99, "${options.workers}" is none`);
        return (await import('./commands/up.ts')).up(context, workers);
      }),
    );
  program
    .command('slots')
    .description('how many compiles fit into grid and machine: make -j$(hgbuild slots)')
    .action(finish(async () => (await load()).slots(context)));
}

function addConfig(program: Command, context: Context, finish: Finish): void {
  program.commandsGroup(RUNNING);
  const config = program.command('config').description('the settings: where each comes from, a file to start with');
  const files = (): Promise<typeof import('./commands/config-files.ts')> => import('./commands/config-files.ts');
  config
    .command('show [key]')
    .description('every setting with its value and origin, or the value of one')
    .addOption(jsonOption())
    .action(
      finish(async (key: string | undefined, options: JsonOption) =>
        (await import('./commands/config-show.ts')).configShow(context, key, json(context, options)),
      ),
    );
  config
    .command('init')
    .description('write a hybridgrid.yaml with every key, its default and its meaning')
    .option('--project', 'for the source tree in this directory instead of for yourself')
    .action(
      finish(async (options: { project?: boolean }) => (await files()).configInit(context, options.project === true)),
    );
  config
    .command('check')
    .description('read every file and variable that holds here and name what is wrong')
    .addOption(jsonOption())
    .action(finish(async (options: JsonOption) => (await files()).configCheck(context, json(context, options))));
}

function addOther(program: Command, context: Context, finish: Finish): void {
  program.commandsGroup(RUNNING);
  program
    .command('doctor')
    .description('look at everything a hit needs and say what to do about what is amiss')
    .addOption(jsonOption())
    .action(
      finish(async (options: JsonOption) =>
        (await import('./commands/doctor.ts')).doctor(context, json(context, options)),
      ),
    );
  program
    .command('version')
    .description(`the version (this is ${VERSION})`)
    .addOption(jsonOption())
    .action(
      finish(async (options: JsonOption) => (await import('./commands/version.ts')).version(json(context, options))),
    );
  program
    .command('completion <shell>')
    .description('print the completion script for bash, zsh or fish')
    .action(
      finish(async (shell: string) => {
        const { completionScript, SHELLS } = await import('./commands/completion.ts');
        const known = SHELLS.find((name) => name === shell);
        if (known === undefined) throw new CliError(`there is no completion for "${shell}": ${SHELLS.join(', ')}`);
        writeOut(completionScript(known, program));
        return EXIT.ok;
      }),
    );
}
