import { posix } from 'node:path';
import { forDisplay } from '../base/byte-string.ts';
import { readDocument } from './document.ts';
import {
  CONFIG_FILE_NAME,
  defaultCacheDirectory,
  defaultDataDirectory,
  defaultTokenFile,
  defaultWorkDirectory,
  directoriesUpwards,
  type Environment,
  type FileLevel,
  homeDirectory,
  SYSTEM_CONFIG_FILE,
  userConfigFile,
} from './locations.ts';
import type { ConfigProblem, Place } from './problem.ts';
import { SETTING_KEYS, SETTINGS, type SettingKey, type Settings } from './settings.ts';
import type { ValueContext } from './value-types.ts';

/** What lies at a path. `foreign`: there is a file, but it belongs to somebody whom this directory is no business of. */
export type FileRead =
  | { readonly kind: 'text'; readonly text: string; readonly foreign: boolean }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unreadable'; readonly message: string };

/** Where a value came from. */
export type Origin =
  | { readonly from: 'default' }
  | { readonly from: 'file'; readonly level: FileLevel; readonly place: Place }
  | { readonly from: 'environment'; readonly variable: string }
  | { readonly from: 'flag'; readonly flag: string };

/** A setting given on our own command line: `--cache-dir=x` is `{flag: '--cache-dir', text: 'x'}`. */
export interface FlagValue {
  readonly key: SettingKey;
  readonly flag: string;
  readonly text: string;
}

/** A file that was looked at. As long as each is as it was, the same request resolves to the same settings. */
export interface LookedAt {
  readonly path: string;
  readonly level: FileLevel;
  readonly present: boolean;
  /** Present, but passed over because it belongs to somebody else. */
  readonly ignored: boolean;
}

/** All strings are byte strings. */
export interface SettingsRequest {
  /** Absolute. */
  readonly cwd: string;
  readonly env: Environment;
  readonly flags?: readonly FlagValue[];
  readonly readFile: (path: string) => FileRead;
  /** The home directory of the account database, for when HOME is not set. */
  readonly accountHome?: string | undefined;
  /** Another `/etc/hybridgrid/hybridgrid.yaml`, for tests. */
  readonly systemFile?: string;
}

export type Origins = Readonly<Record<SettingKey, Origin>>;

export type Resolution =
  | { readonly ok: true; readonly settings: Settings; readonly origins: Origins; readonly files: readonly LookedAt[] }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[]; readonly files: readonly LookedAt[] };

/**
 * defaults < system file < user file < project file < environment < flags. A list replaces the list below it. Pure but
 * for `readFile`; every problem of every level is reported, not only the first.
 */
export async function resolveSettings(request: SettingsRequest): Promise<Resolution> {
  const home = homeDirectory(request.env, request.accountHome);
  const layers = new Layers(home, {
    'cache.dir': defaultCacheDirectory(request.env, home) ?? '',
    'grid.token_file': defaultTokenFile(request.env, home) ?? '',
    'coordinator.data_dir': defaultDataDirectory(request.env, home) ?? '',
    'worker.work_dir': defaultWorkDirectory(request.env, home) ?? '',
  });
  const files: LookedAt[] = [];
  for (const { path, level, required } of fileCandidates(request, home)) {
    const read = request.readFile(path);
    const ignored = read.kind === 'text' && read.foreign && level === 'project';
    files.push({ path, level, present: read.kind !== 'absent', ignored });
    if (read.kind === 'absent' && required) layers.problem({ kind: 'missing-file', path, source: 'HG_CONFIG' });
    if (read.kind === 'unreadable') layers.problem({ kind: 'unreadable', path, message: read.message });
    if (read.kind === 'text' && !ignored) await layers.addFile(level, path, read.text);
    // The nearest project file is the project's: those further up belong to something that contains it.
    if (level === 'project' && read.kind !== 'absent' && !ignored) break;
  }
  layers.addEnvironment(request.env);
  for (const flag of request.flags ?? []) layers.addFlag(flag, request.cwd);
  return layers.finish(files);
}

interface Candidate {
  readonly path: string;
  readonly level: FileLevel;
  readonly required: boolean;
}

function fileCandidates(request: SettingsRequest, home: string | undefined): readonly Candidate[] {
  const named = request.env.HG_CONFIG === '' ? undefined : request.env.HG_CONFIG;
  const user = named ?? userConfigFile(request.env, home);
  const candidates: Candidate[] = [
    { path: request.systemFile ?? SYSTEM_CONFIG_FILE, level: 'system', required: false },
  ];
  if (user !== undefined) {
    candidates.push({ path: posix.resolve(request.cwd, user), level: 'user', required: named !== undefined });
  }
  for (const directory of directoriesUpwards(request.cwd)) {
    const path = posix.join(directory, CONFIG_FILE_NAME);
    // Somebody who works inside ~/.config/hybridgrid must not have their own file taken for a stranger's.
    if (candidates.every((other) => other.path !== path)) candidates.push({ path, level: 'project', required: false });
  }
  return candidates;
}

/** Collects values level by level; the last one of a key wins. */
class Layers {
  readonly #values: Partial<Record<SettingKey, unknown>> = {};
  readonly #origins: Partial<Record<SettingKey, Origin>> = {};
  readonly #problems: ConfigProblem[] = [];
  readonly #home: string | undefined;

  constructor(home: string | undefined, defaults: Partial<Settings>) {
    this.#home = home;
    for (const key of SETTING_KEYS) {
      this.#values[key] = SETTINGS[key].initial;
      this.#origins[key] = { from: 'default' };
    }
    Object.assign(this.#values, defaults);
  }

  problem(problem: ConfigProblem): void {
    this.#problems.push(problem);
  }

  async addFile(level: FileLevel, path: string, text: string): Promise<void> {
    const { entries, problems } = await readDocument(path, text);
    this.#problems.push(...problems);
    const context = { directory: posix.dirname(path), home: this.#home };
    for (const { key, value, place } of entries) {
      if (level === 'project' && !SETTINGS[key].projectMaySet) {
        this.problem({ kind: 'untrusted-key', place, key });
      } else {
        this.#set(key, value, context, { from: 'file', level, place }, place);
      }
    }
  }

  addEnvironment(env: Environment): void {
    // A relative path in a variable would mean another directory for every compile of `make -C`: it is refused.
    const context = { directory: undefined, home: this.#home };
    for (const key of SETTING_KEYS) {
      const { variable, inverted } = SETTINGS[key];
      const text = env[variable];
      if (text === undefined || text === '') continue;
      const problems = this.#problems.length;
      this.#set(key, text, context, { from: 'environment', variable }, variable);
      if (inverted === true && this.#problems.length === problems) this.#values[key] = this.#values[key] !== true;
    }
  }

  addFlag({ key, flag, text }: FlagValue, cwd: string): void {
    this.#set(key, text, { directory: cwd, home: this.#home }, { from: 'flag', flag }, flag);
  }

  #set(key: SettingKey, raw: unknown, context: ValueContext, origin: Origin, source: Place | string): void {
    const parsed = SETTINGS[key].type.parse(raw, context);
    if (parsed.ok) {
      this.#values[key] = parsed.value;
      this.#origins[key] = origin;
    } else {
      const { hide = (text: string) => text } = SETTINGS[key].type;
      const value = hide(typeof raw === 'string' ? forDisplay(raw) : JSON.stringify(raw));
      this.problem({ kind: 'bad-value', source, key, value, expected: parsed.expected });
    }
  }

  finish(files: readonly LookedAt[]): Resolution {
    if (this.#values['cache.dir'] === '') this.problem({ kind: 'no-cache-directory' });
    if (this.#problems.length > 0) return { ok: false, problems: this.#problems, files };
    return { ok: true, settings: this.#values as unknown as Settings, origins: this.#origins as Origins, files };
  }
}
