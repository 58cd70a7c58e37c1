/** Faults of disks and lines, made with the kernel's own means and undone afterwards. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { connect as connectSocket, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { findTool, type Need } from './tools.ts';

function must(argv: readonly string[]): void {
  const { status, stderr, error } = spawnSync(argv[0] as string, argv.slice(1), { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${argv.join(' ')}: ${error?.message ?? stderr.trim()}`);
}

/** A disk of its own, of some MiB, mounted at a path that is made. */
export function tinyDisk(path: string, mebibytes: number): { remove(): void } {
  mkdirSync(path, { recursive: true });
  must(['mount', '-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'none', path]);
  return { remove: () => must(['umount', '-l', path]) };
}

/** Takes all room that is left on a disk. */
export function fillDisk(directory: string): void {
  const megabyte = Buffer.alloc(1 << 16, 'x');
  for (let i = 0; ; i += 1) {
    try {
      writeFileSync(join(directory, `filler${i}`), megabyte);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return;
      throw error;
    }
  }
}

/** Turns one bit of every blob below a directory and leaves its times as they were, as a dying disk does. */
export function damageBlobs(directory: string): number {
  let damaged = 0;
  for (const name of readdirSync(directory, { recursive: true, encoding: 'latin1' })) {
    if (!/(^|\/)[0-9a-f]{64}$/.test(name)) continue;
    const path = join(directory, name);
    const { atime, mtime, size } = statSync(path);
    if (size === 0) continue;
    const bytes = readFileSync(path);
    bytes.writeUInt8(bytes.readUInt8(size >> 1) ^ 1, size >> 1);
    writeFileSync(path, bytes);
    utimesSync(path, atime, mtime);
    damaged += 1;
  }
  return damaged;
}

/** A machine at the end of a cable. */
export interface Machine {
  /** Words that run a program there. */
  readonly prefix: readonly string[];
  readonly address: string;
  /** This machine as it is seen from there. */
  readonly here: string;
  /** Nothing comes through any more, and nobody is told. */
  cut(): void;
  mend(): void;
  remove(): void;
}

/** Network namespaces of one's own. */
export const networks: Need = {
  missing: () => {
    if (findTool('ip') === undefined) return 'no ip on this machine';
    return spawnSync('unshare', ['-n', 'true']).status === 0 ? undefined : 'network namespaces are not allowed here';
  },
};

/** A network namespace with one line to this one. `number` is below 250 and used by one test at a time. */
export function makeMachine(number: number): Machine {
  const name = `hgt-${process.pid}-${number}`;
  const [near, far] = [`hg${process.pid % 100_000}n${number}`, `hg${process.pid % 100_000}f${number}`];
  const net = `10.213.${(process.pid + number) % 250}`;
  const inside = (...words: string[]): void => must(['ip', '-n', name, ...words]);
  must(['ip', 'netns', 'add', name]);
  must(['ip', 'link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', name]);
  must(['ip', 'addr', 'add', `${net}.1/24`, 'dev', near]);
  must(['ip', 'link', 'set', near, 'up']);
  inside('addr', 'add', `${net}.2/24`, 'dev', far);
  inside('link', 'set', 'lo', 'up');
  inside('link', 'set', far, 'up');
  // Packets leave into nothing; without this the kernel would find out that nobody answers, and say so.
  const address = (spawnSync('ip', ['-n', name, '-o', 'link', 'show', far], { encoding: 'utf8' }).stdout.match(
    /ether (\S+)/,
  ) ?? [])[1];
  must(['ip', 'neigh', 'replace', `${net}.2`, 'lladdr', address ?? '', 'dev', near, 'nud', 'permanent']);
  return {
    prefix: ['ip', 'netns', 'exec', name],
    address: `${net}.2`,
    here: `${net}.1`,
    cut: () => inside('link', 'set', far, 'down'),
    mend: () => inside('link', 'set', far, 'up'),
    remove: () => must(['ip', 'netns', 'del', name]),
  };
}

/** A line on which bytes may change. */
export interface Line {
  /** How many bytes were changed. */
  readonly changed: number;
  close(): Promise<void>;
}

/** Smaller pieces are left alone: heads of requests and answers are below this. In bytes. */
const HEADS_MAX = 2048;

/** Passes connections to another address of this machine at the same port, turning a bit in the middle of large pieces. */
export async function badLine(host: string, to: string, port: number, isBad: () => boolean): Promise<Line> {
  const sockets = new Set<Socket>();
  const line = { changed: 0 };
  const pass = (from: Socket, into: Socket): void => {
    sockets.add(from);
    from.on('data', (piece) => {
      const bytes = piece as Buffer;
      if (isBad() && bytes.length > HEADS_MAX) {
        bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
        line.changed += 1;
      }
      into.write(bytes);
    });
    from.on('close', () => into.destroy()).on('error', () => into.destroy());
  };
  const server: Server = createServer((near) => {
    const far = connectSocket({ host: to, port });
    pass(near, far);
    pass(far, near);
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  return {
    get changed() {
      return line.changed;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
