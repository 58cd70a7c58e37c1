import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { fsPath } from '../../base/byte-string.ts';
import type { Settings } from '../../config/settings.ts';
import type { Grid } from './grid.ts';

/** The coordinators that requests name. Usually one; settings belong to requests. */
export interface Grids {
  /** Undefined where the settings name none. */
  of(settings: Settings): Promise<Grid | undefined>;
  close(): Promise<void>;
}

export function grids(log: (message: string, details: object) => void): Grids {
  const open = new Map<string, Promise<Grid>>();
  // Another start of this agent is another client: what an earlier one shipped is not known any more.
  const client = `${userName()}@${hostname()}/${randomBytes(4).toString('hex')}`;
  const connect = async (address: string, token: string | undefined): Promise<Grid> => {
    // gRPC takes 60 ms to load, which nobody without a grid should pay.
    const { remoteGrid } = await import('./remote-grid.ts');
    const colon = address.lastIndexOf(':');
    const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
    return remoteGrid({ host, port: Number(address.slice(colon + 1)), token, client, log });
  };
  return {
    async of(settings) {
      const address = settings['grid.coordinator'];
      if (address === '') return undefined;
      const token = readToken(settings['grid.token_file']);
      const key = `${address} ${token ?? ''}`;
      const grid = open.get(key) ?? connect(address, token);
      open.set(key, grid);
      return grid;
    },
    async close() {
      for (const grid of open.values()) (await grid).close();
    },
  };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? '');
  }
}

function readToken(path: string): string | undefined {
  if (path === '') return undefined;
  try {
    const text = readFileSync(fsPath(path), 'utf8').trim();
    return text === '' ? undefined : text;
  } catch {
    return undefined; // The coordinator will say what it thinks of that.
  }
}
