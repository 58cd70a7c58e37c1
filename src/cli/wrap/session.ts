import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One wrapped build: the agent counts under its id, launchers that missed the agent leave lines in a file. */
export interface Session {
  readonly id: string;
  /** Set in the tool's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** A private directory, or `undefined` where none could be made. */
  readonly directory: string | undefined;
  /** Compiles that ran without the agent. */
  fallbacks(): number;
  close(): void;
}

/** `undefined` inside another wrapped build, which counts for both. */
export function openSession(env: NodeJS.ProcessEnv): Session | undefined {
  if (/^[0-9a-f]{16}$/.test(env.HG_SESSION ?? '')) return undefined;
  const id = randomId();
  const directory = makeDirectory();
  if (directory === undefined) return { id, env: { HG_SESSION: id }, directory, fallbacks: () => 0, close: () => {} };
  const file = join(directory, 'fallbacks');
  return {
    id,
    env: { HG_SESSION: id, HG_SESSION_FILE: file },
    directory,
    fallbacks: () => countLines(file),
    close: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** 16 random hex digits, straight from the kernel: `node:crypto` takes 7 ms to load. */
function randomId(): string {
  const bytes = Buffer.alloc(8);
  const fd = openSync('/dev/urandom', 'r');
  readSync(fd, bytes);
  closeSync(fd);
  return bytes.toString('hex');
}

function makeDirectory(): string | undefined {
  try {
    const directory = mkdtempSync(join(tmpdir(), 'hg-session-'));
    writeFileSync(join(directory, 'fallbacks'), '', { mode: 0o600 });
    return directory;
  } catch {
    return undefined;
  }
}

function countLines(file: string): number {
  try {
    return readFileSync(file, 'latin1').split('\n').length - 1;
  } catch {
    return 0;
  }
}
