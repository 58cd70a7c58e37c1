import { randomBytes } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import { type GridCredentials, readGridCredentials } from '../../config/grid-credentials.ts';
import type { Settings } from '../../config/settings.ts';
import type { Grid } from './grid.ts';
import type { StorageGrid } from './storage-grid.ts';
import { storages } from './storages.ts';

/** The coordinators and storages that requests name. Usually one; settings belong to requests. */
export interface Grids {
  /** What is asked about a miss: the coordinator, a storage behind it, or the storage alone; undefined for none. */
  of(request: GridRequest): Promise<Grid | undefined>;
  /** Where results made here are reported; undefined where the settings name none. */
  coordinatorOf(request: GridRequest): Promise<Grid | undefined>;
  storageOf(request: GridRequest): Promise<StorageGrid | undefined>;
  close(): Promise<void>;
}

/** Of a request what decides who is asked. */
export interface GridRequest {
  readonly settings: Settings;
  readonly env: ReadonlyMap<string, string>;
}

/** How long a token and certificates count as what was read: not every compile reads four files. */
const TRUSTED_MS = 1_000;

interface Opened {
  readonly readAt: number;
  readonly credentials: string;
  readonly grid: Promise<Grid>;
}

export function grids(log: (message: string, details: object) => void): Grids {
  const coordinators = openCoordinators(log);
  const kept = storages(log);
  const both = new WeakMap<Grid, { readonly storage: Grid; readonly grid: Grid }>();
  return {
    async of({ settings, env }) {
      const coordinator = await coordinators.of(settings);
      const storage = await kept.of(settings, env);
      if (coordinator === undefined || storage === undefined) return coordinator ?? storage;
      const before = both.get(coordinator);
      if (before?.storage === storage) return before.grid;
      const { behindCoordinator } = await import('./behind-coordinator.ts');
      const grid = behindCoordinator(coordinator, storage);
      both.set(coordinator, { storage, grid });
      return grid;
    },
    coordinatorOf: ({ settings }) => coordinators.of(settings),
    storageOf: ({ settings, env }) => kept.of(settings, env),
    async close() {
      await coordinators.close();
      await kept.close();
    },
  };
}

interface Coordinators {
  of(settings: Settings): Promise<Grid | undefined>;
  close(): Promise<void>;
}

function openCoordinators(log: (message: string, details: object) => void): Coordinators {
  const open = new Map<string, Opened>();
  // Another start of this agent is another client: what an earlier one shipped is not known any more.
  const client = `${userName()}@${hostname()}/${randomBytes(4).toString('hex')}`;
  const connect = async (address: string, credentials: GridCredentials): Promise<Grid> => {
    // gRPC takes 60 ms to load, which nobody without a grid should pay.
    const { remoteGrid } = await import('./remote-grid.ts');
    const colon = address.lastIndexOf(':');
    const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
    return remoteGrid({ host, port: Number(address.slice(colon + 1)), ...credentials, client, log });
  };
  return {
    async of(settings) {
      const address = settings['grid.coordinator'];
      if (address === '') return undefined;
      const place = placeOf(settings);
      const before = open.get(place);
      const now = performance.now();
      if (before !== undefined && now - before.readAt < TRUSTED_MS) return before.grid;
      const [credentials, trouble] = read(settings);
      const text = `${JSON.stringify(credentials)} ${trouble ?? ''}`;
      if (before?.credentials === text) {
        open.set(place, { ...before, readAt: now });
        return before.grid;
      }
      void before?.grid.then((old) => old.close());
      if (trouble !== undefined) log('the grid cannot be used', { why: trouble });
      const grid = trouble === undefined ? connect(address, credentials) : Promise.resolve(unusable(trouble));
      open.set(place, { readAt: now, credentials: text, grid });
      return grid;
    },
    async close() {
      for (const { grid } of open.values()) (await grid).close();
    },
  };
}

/** What two requests have to have in common to share a connection. */
function placeOf(settings: Settings): string {
  const files = ['grid.token_file', 'grid.tls_ca', 'grid.tls_cert', 'grid.tls_key'] as const;
  return [settings['grid.coordinator'], ...files.map((key) => settings[key])].join('\0');
}

function read(settings: Settings): readonly [GridCredentials, string | undefined] {
  try {
    return [readGridCredentials(settings), undefined];
  } catch (error) {
    return [{ token: undefined, tls: undefined }, (error as Error).message];
  }
}

/** A grid that cannot even be called. */
function unusable(why: string): Grid {
  return {
    compiles: true,
    isWorthAsking: () => true,
    compile: () => Promise.resolve({ kind: 'declined', reason: 'unreachable', detail: why }),
    fetch: () => Promise.resolve(undefined),
    report: () => Promise.resolve(),
    reportMismatch: () => Promise.resolve(),
    capacity: () => undefined,
    close: () => {},
  };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? '');
  }
}
