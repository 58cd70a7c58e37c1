import { diskReader } from '../config/file-reader.ts';
import { type LookedAt, type Resolution, resolveSettings } from '../config/resolve.ts';
import type { FileStates } from './file-state.ts';

/**
 * Settings belong to a request, not to whoever happened to start the agent: another directory has another project
 * file, another shell other HG_ variables. Resolving is memoised, and the files looked at become checks of the answer.
 */
export interface RequestSettings {
  resolve(cwd: string, env: ReadonlyMap<string, string>): Promise<Resolution>;
}

const DECIDING = /^(HG_|XDG_CONFIG_HOME$|XDG_CACHE_HOME$|HOME$)/;
const MEMORY_LIMIT = 5_000;

/** The same eyes as the command line's. */
export const readConfigFile = diskReader(process.getuid?.() ?? 0);

interface Remembered {
  readonly resolution: Resolution;
  readonly stamps: readonly string[];
}

export function requestSettings(files: FileStates): RequestSettings {
  const known = new Map<string, Remembered>();
  const stampsOf = (looked: readonly LookedAt[]): readonly string[] =>
    looked.map(({ path }) => {
      const at = files.stampOf(path);
      return at === undefined ? '' : `${at.stamp.ino}:${at.stamp.mtime}:${at.stamp.ctime}:${at.stamp.size}`;
    });
  return {
    async resolve(cwd, env) {
      const deciding = [...env].filter(([name]) => DECIDING.test(name));
      const key = JSON.stringify([cwd, deciding]);
      const before = known.get(key);
      if (before !== undefined && equal(before.stamps, stampsOf(before.resolution.files))) return before.resolution;
      const resolution = await resolveSettings({ cwd, env: Object.fromEntries(deciding), readFile: readConfigFile });
      // A file written a moment ago may change again under the same stamp: not worth remembering yet.
      const settled = resolution.files.every(({ path }) => {
        const at = files.stampOf(path);
        return at === undefined || files.isSettled(at.stamp);
      });
      if (known.size >= MEMORY_LIMIT) known.clear();
      if (settled) known.set(key, { resolution, stamps: stampsOf(resolution.files) });
      return resolution;
    },
  };
}

function equal(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, i) => text === b[i]);
}
