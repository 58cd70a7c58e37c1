import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join, normalize } from 'node:path';

/** What one run of a compiler did, as strace saw it. Paths are absolute and normalised. */
export interface TracedRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly reads: ReadonlySet<string>;
  readonly writes: ReadonlySet<string>;
  readonly programs: readonly string[];
}

const CALL = /^\d+ +(openat|open|creat|execve|rename|unlink)\((.*)\) += (-?\d+)/;

/** Runs a command in a directory under strace. `scratch` takes the log and the command's temporary files. */
export function traceRun(argv: readonly string[], cwd: string, scratch: string): TracedRun {
  const log = join(scratch, 'strace.log');
  const trace = ['-f', '-qq', '-s', '4096', '-e', 'trace=openat,open,creat,execve,rename', '-o', log, ...argv];
  const env = { ...process.env, TMPDIR: scratch, LC_ALL: 'C.UTF-8' };
  const run = spawnSync('strace', trace, { cwd, env, encoding: 'utf8', timeout: 60_000 });
  const reads = new Set<string>();
  const writes = new Set<string>();
  const programs: string[] = [];
  for (const line of joinCalls(readFileSync(log, 'utf8'))) readCall(line, cwd, { reads, writes, programs });
  rmSync(log);
  return { status: run.status, stdout: run.stdout, stderr: run.stderr, reads, writes, programs };
}

/** The log's lines, with calls that strace split because processes ran at the same time put together again. */
function joinCalls(log: string): string[] {
  const unfinished = new Map<string, string>();
  return log.split('\n').flatMap((line) => {
    const pid = line.split(' ', 1)[0] as string;
    if (line.endsWith(' <unfinished ...>')) {
      unfinished.set(pid, line.slice(0, -' <unfinished ...>'.length));
      return [];
    }
    const resumed = /^\d+ +<\.\.\. \w+ resumed>(.*)$/.exec(line);
    return [resumed === null ? line : `${unfinished.get(pid) ?? ''}${resumed[1]}`];
  });
}

function readCall(
  line: string,
  cwd: string,
  into: { reads: Set<string>; writes: Set<string>; programs: string[] },
): void {
  const call = CALL.exec(line);
  if (call === null || Number(call[3]) < 0) return;
  const [, name, rest = ''] = call;
  const paths = [...rest.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, quoted = '']) => resolve(cwd, unquote(quoted)));
  const [first] = paths;
  if (first === undefined) return;
  if (name === 'execve') into.programs.push(first);
  else if (name === 'rename') into.writes.add(paths[1] as string);
  else if (name === 'creat' || /O_WRONLY|O_RDWR|O_CREAT/.test(rest)) into.writes.add(first);
  else if (!rest.includes('O_DIRECTORY')) into.reads.add(first);
}

/** Undoes strace's quoting: octal and C escapes of the bytes of a UTF-8 name. */
function unquote(quoted: string): string {
  const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', v: '\v', f: '\f' };
  const bytes = quoted.replace(/\\([0-7]{1,3}|.)/g, (_, code: string) =>
    /^[0-7]/.test(code) ? String.fromCharCode(Number.parseInt(code, 8)) : (ESCAPES[code] ?? code),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

function resolve(cwd: string, path: string): string {
  return normalize(path.startsWith('/') ? path : join(cwd, path));
}
