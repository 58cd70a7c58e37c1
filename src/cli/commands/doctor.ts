import { spawnSync } from 'node:child_process';
import { accessSync, constants, lstatSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { forDisplay, fromNative } from '../../base/byte-string.ts';
import { formatBytes } from '../../base/bytes.ts';
import { readStatistics } from '../../cache/statistics.ts';
import { cacheLayout } from '../../cas/layout.ts';
import { makeDirectories } from '../../cas/make-directories.ts';
import { nearestName } from '../../config/nearest-name.ts';
import { describeProblem } from '../../config/problem.ts';
import { OTHER_VARIABLES, SETTINGS, type Settings } from '../../config/settings.ts';
import { agentSocket, agentStatus, startAgent } from '../agent-calls.ts';
import { EXIT } from '../exit-codes.ts';
import { BUILD_ID, findLauncher } from '../installation.ts';
import { formatTable, painter, printJson, printOut, useColour } from '../output.ts';
import { type Context, environmentWithFlags, resolutionOf } from '../settings-context.ts';
import { storageStates } from '../storage-states.ts';
import { compilersInPath } from '../wrap/compiler-names.ts';
import { linkDirectory } from '../wrap/link-directory.ts';

/** One thing that was looked at. `remedy` is empty where nothing is to be done. */
export interface Finding {
  readonly check: string;
  readonly state: 'ok' | 'warn' | 'fail';
  readonly detail: string;
  readonly remedy: string;
}

const ok = (check: string, detail: string): Finding => ({ check, state: 'ok', detail, remedy: '' });
const warn = (check: string, detail: string, remedy: string): Finding => ({ check, state: 'warn', detail, remedy });
const fail = (check: string, detail: string, remedy: string): Finding => ({ check, state: 'fail', detail, remedy });

/** Less than this on the cache's file system and the next builds will find it full. */
const LITTLE_SPACE = 1024 ** 3;

/** `hgbuild doctor`: everything a hit needs, each with what to do about it. Exit 1 if anything fails. */
export async function doctor(context: Context, json: boolean): Promise<number> {
  const findings = await examine(context);
  const failed = findings.some((finding) => finding.state === 'fail');
  if (json) {
    printJson({ ok: !failed, findings });
  } else {
    const paint = painter(useColour(context.env));
    const style = { ok: 'good', warn: 'warn', fail: 'bad' } as const;
    const table = formatTable(findings.map(({ state, check, detail }) => [state, check, detail])).split('\n');
    findings.forEach(({ state, remedy }, i) => {
      printOut((table[i] ?? '').replace(state, paint(style[state], state)));
      if (remedy !== '') printOut(`      -> ${remedy}`);
    });
  }
  return failed ? EXIT.negative : EXIT.ok;
}

async function examine(context: Context): Promise<readonly Finding[]> {
  const findings: Finding[] = [nodeFinding(), ...variableFindings(context.env)];
  const resolution = await resolutionOf(context);
  if (!resolution.ok) {
    const remedy = 'correct it; until then every compile runs plainly';
    return [
      ...findings,
      ...resolution.problems.map((problem) => fail('configuration', describeProblem(problem), remedy)),
    ];
  }
  const files = resolution.files.filter((file) => file.present && !file.ignored).map((file) => forDisplay(file.path));
  findings.push(ok('configuration', files.length === 0 ? 'defaults, no file' : files.join(', ')));
  for (const file of resolution.files.filter((looked) => looked.ignored)) {
    findings.push(
      warn('configuration', `${forDisplay(file.path)} is ignored: it belongs to somebody else`, 'own it, or remove it'),
    );
  }
  if (!resolution.settings['cache.enabled']) {
    findings.push(warn('cache', 'switched off', `unset HG_DISABLE or set cache.enabled to true`));
  }
  const { settings } = resolution;
  findings.push(...cacheFindings(settings), ...compilerFindings(context.env), ...verifyFindings(settings));
  findings.push(...(await storageFindings(settings, context.env)));
  const launcher = findLauncher(context.env);
  if (launcher === undefined) {
    return [...findings, fail('launcher', 'cannot be built', 'install a C compiler (gcc or clang) with libc headers')];
  }
  const env = environmentWithFlags(context, resolution.settings);
  findings.push(
    launcherFinding(launcher),
    ...masqueradeFindings(launcher, context.env),
    ...(await agentFindings(launcher, env)),
  );
  return findings;
}

function nodeFinding(): Finding {
  const major = Number(process.versions.node.split('.')[0]);
  const detail = `Node ${process.versions.node}, hgbuild ${BUILD_ID}`;
  return major >= 24
    ? ok('node', detail)
    : fail('node', detail, 'install Node 24, or run `npm install` without --omit=optional');
}

/** Other programs have HG_ variables too (Mercurial's hooks): only what looks like a slip of ours is worth a word. */
function variableFindings(env: NodeJS.ProcessEnv): readonly Finding[] {
  const known = [...Object.values(SETTINGS).map(({ variable }) => variable), ...Object.keys(OTHER_VARIABLES)];
  return Object.keys(env)
    .filter((name) => name.startsWith('HG_') && !known.includes(name))
    .flatMap((name) => {
      const near = nearestName(name, known);
      return near === undefined
        ? []
        : [warn('environment', `${name} means nothing to hgbuild`, `did you mean ${near}?`)];
    });
}

function cacheFindings(settings: Settings): readonly Finding[] {
  const path = forDisplay(settings['cache.dir']);
  const findings: Finding[] = [];
  try {
    makeDirectories(fromNative(path), 0o700);
    accessSync(path, constants.W_OK | constants.X_OK);
    const owner = statSync(path).uid;
    const mine = process.getuid?.() ?? owner;
    findings.push(
      owner === mine
        ? ok('cache', path)
        : warn('cache', `${path} belongs to user ${owner}`, 'set HG_CACHE_DIR to a directory of your own'),
    );
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return [
      fail(
        'cache',
        `${path} cannot be written (${code})`,
        'make it writable, or set HG_CACHE_DIR; until then nothing is cached',
      ),
    ];
  }
  const { bavail, bsize } = statfsSync(path);
  const free = bavail * bsize;
  const detail = `${formatBytes(free)} free, the cache may take ${formatBytes(settings['cache.max_size'])}`;
  findings.push(
    free < LITTLE_SPACE
      ? warn('space', detail, 'free some space, or set a smaller cache.max_size')
      : ok('space', detail),
  );
  return findings;
}

/** A storage that fails costs hits, never a build. */
async function storageFindings(settings: Settings, env: NodeJS.ProcessEnv): Promise<readonly Finding[]> {
  return (await storageStates(settings, env)).map(({ at, answerMs, readOnly, detail, remedy }) =>
    detail === undefined || remedy === undefined
      ? ok('remote storage', `${at} answers in ${answerMs} ms${readOnly ? ', nothing is stored there' : ''}`)
      : warn('remote storage', `${at}: ${detail}`, remedy),
  );
}

/** Wrong results that were found since somebody last set the counters to zero, which is how he says that he knows. */
function verifyFindings(settings: Settings): readonly Finding[] {
  const layout = cacheLayout(settings['cache.dir']);
  const { verified, verifyMismatches } = readStatistics(layout).counters;
  if (verifyMismatches > 0) {
    const remedy = `read ${forDisplay(layout.quarantine)}/*/report.json; if the results come from one machine, test its memory; then \`hgbuild stats --zero\``;
    return [fail('results', `${verifyMismatches} of ${verified} compiled again were wrong`, remedy)];
  }
  return verified === 0 ? [] : [ok('results', `${verified} compiled again, none was wrong`)];
}

function compilerFindings(env: NodeJS.ProcessEnv): readonly Finding[] {
  const names = compilersInPath(env.PATH ?? '');
  if (names.length === 0) return [fail('compilers', 'none in PATH', 'install gcc or clang')];
  return [ok('compilers', names.join(' '))];
}

function launcherFinding(launcher: string): Finding {
  const { stdout } = spawnSync(launcher, ['--hg-version'], { encoding: 'utf8' });
  const version = stdout?.trim() ?? '';
  if (version === BUILD_ID) return ok('launcher', launcher);
  if (version === '') return fail('launcher', `${launcher} does not run`, `remove it: it is built again on first use`);
  return warn('launcher', `${launcher} is of build ${version}`, `remove it: it is built again on first use`);
}

/** Does `gcc`, called as a wrapped build calls it, end up at a real compiler? */
function masqueradeFindings(launcher: string, env: NodeJS.ProcessEnv): readonly Finding[] {
  const names = compilersInPath(env.PATH ?? '');
  const links = linkDirectory(launcher, names, env);
  if (links === undefined) {
    return [
      warn('masquerade', 'no private directory for links', 'make ~/.local/state or the temporary directory writable'),
    ];
  }
  const path = { ...env, PATH: `${links}:${env.PATH ?? ''}` };
  const lost = names.filter((name) => spawnSync(launcher, ['--hg-resolve', name], { env: path }).status !== 0);
  if (lost.length === 0) return [ok('masquerade', links)];
  return lost.map((name) =>
    warn('masquerade', `${name} leads to no real compiler`, `install ${name}, or remove the link to another cache`),
  );
}

async function agentFindings(launcher: string, env: NodeJS.ProcessEnv): Promise<readonly Finding[]> {
  const socket = agentSocket(launcher, env);
  if (socket === undefined) {
    return [
      fail('socket', 'no private directory for the socket', 'set HG_RUNTIME_DIR to a directory that only you may use'),
    ];
  }
  const directory = lstatSync(dirname(socket), { throwIfNoEntry: false });
  const findings = [
    directory !== undefined && (directory.mode & 0o077) === 0
      ? ok('socket', socket)
      : fail('socket', `${dirname(socket)} is open to other users`, `chmod 700 ${dirname(socket)}`),
  ];
  const problem = startAgent(launcher, env);
  const status = problem === undefined ? await agentStatus(launcher, env) : undefined;
  if (status === undefined) {
    const remedy = 'see `hgbuild agent logs`; until then every compile runs plainly';
    findings.push(fail('agent', problem ?? 'it does not answer', remedy));
  } else {
    const { pid, version } = status;
    const same = version === BUILD_ID;
    findings.push(
      same ? ok('agent', `pid ${pid}`) : warn('agent', `pid ${pid} is of build ${version}`, 'hgbuild agent stop'),
    );
  }
  return findings;
}
