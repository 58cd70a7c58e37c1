import {
  addressType,
  booleanType,
  durationType,
  type Jobs,
  jobsType,
  type LogLevel,
  logLevelType,
  pathListType,
  pathType,
  type Slots,
  sizeType,
  slotsType,
  type ValueType,
} from './value-types.ts';

/**
 * Every setting, under the name it has in `hybridgrid.yaml`, in `--json` and in the documentation alike. Paths are
 * byte strings and absolute; sizes are bytes, durations milliseconds, either may be infinite.
 */
export interface Settings {
  readonly 'cache.enabled': boolean;
  readonly 'cache.dir': string;
  readonly 'cache.max_size': number;
  readonly 'cache.compress_after': number;
  readonly 'cache.read_only': boolean;
  readonly 'cache.recache': boolean;
  readonly 'cache.base_dirs': readonly string[];
  readonly 'agent.idle_exit': number;
  readonly 'agent.log_level': LogLevel;
  readonly 'agent.log_size': number;
  readonly 'compile.allow_script_compilers': readonly string[];
  readonly 'compile.jobs': Jobs;
  readonly 'compile.verbose': boolean;
  readonly 'compile.quiet': boolean;
  readonly 'grid.coordinator': string;
  readonly 'grid.token_file': string;
  readonly 'grid.local_slots': Slots;
}

export type SettingKey = keyof Settings;

/** What is known of one setting. The table below is the one schema: files, environment, flags, help and docs follow it. */
export interface SettingSpec<T> {
  readonly type: ValueType<T>;
  readonly initial: T;
  /** The variable that sets it; `inverted` ones switch it off (HG_DISABLE). */
  readonly variable: string;
  readonly inverted?: true;
  /**
   * Whether a `hybridgrid.yaml` in a source tree may set it. Such a file arrives with other people's sources: it may
   * say how this tree is built, never where or how the user's one cache and agent live, nor which scripts to trust.
   */
  readonly projectMaySet: boolean;
  readonly effect: string;
}

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

export const SETTINGS: { readonly [K in SettingKey]: SettingSpec<Settings[K]> } = {
  'cache.enabled': {
    type: booleanType,
    initial: true,
    variable: 'HG_DISABLE',
    inverted: true,
    projectMaySet: true,
    effect: 'false runs every compiler plainly, without looking at the cache',
  },
  'cache.dir': {
    type: pathType,
    // Replaced by resolve.ts: it depends on XDG_CACHE_HOME and HOME.
    initial: '',
    variable: 'HG_CACHE_DIR',
    projectMaySet: false,
    effect: 'where results are kept',
  },
  'cache.max_size': {
    type: sizeType,
    initial: 10 * GIB,
    variable: 'HG_MAX_SIZE',
    projectMaySet: false,
    effect: 'the least recently used results are removed in the background above this size',
  },
  'cache.compress_after': {
    type: durationType,
    initial: DAY,
    variable: 'HG_COMPRESS_AFTER',
    projectMaySet: false,
    effect: 'results not used for this long are compressed in the background',
  },
  'cache.read_only': {
    type: booleanType,
    initial: false,
    variable: 'HG_READONLY',
    projectMaySet: true,
    effect: 'true takes results from the cache and stores none',
  },
  'cache.recache': {
    type: booleanType,
    initial: false,
    variable: 'HG_RECACHE',
    projectMaySet: true,
    effect: 'true takes no result from the cache, compiles, and stores what comes out',
  },
  'cache.base_dirs': {
    type: pathListType,
    initial: [],
    variable: 'HG_BASE_DIRS',
    projectMaySet: true,
    effect: 'trees below these directories share results where nothing of the directory is in the result',
  },
  'agent.idle_exit': {
    type: durationType,
    initial: 10 * MINUTE,
    variable: 'HG_IDLE_EXIT',
    projectMaySet: false,
    effect: 'the agent ends after this long without work',
  },
  'agent.log_level': {
    type: logLevelType,
    initial: 'info',
    variable: 'HG_LOG_LEVEL',
    projectMaySet: false,
    effect: "how much the agent's log says",
  },
  'agent.log_size': {
    type: sizeType,
    initial: 10 * MIB,
    variable: 'HG_LOG_SIZE',
    projectMaySet: false,
    effect: 'the log is rotated at this size; one old log is kept',
  },
  'compile.allow_script_compilers': {
    type: pathListType,
    initial: [],
    variable: 'HG_ALLOW_SCRIPT_COMPILERS',
    projectMaySet: false,
    effect: 'scripts that may be cached as compilers: their bytes alone must decide what they do',
  },
  'compile.jobs': {
    type: jobsType,
    initial: 'tool',
    variable: 'HG_JOBS',
    projectMaySet: true,
    effect: 'adds -j to `hgbuild make` where neither the command line nor MAKEFLAGS has one',
  },
  'compile.verbose': {
    type: booleanType,
    initial: false,
    variable: 'HG_VERBOSE',
    projectMaySet: true,
    effect: 'one line per compile: [hit], [local] or [local: REASON]',
  },
  'compile.quiet': {
    type: booleanType,
    initial: false,
    variable: 'HG_QUIET',
    projectMaySet: true,
    effect: 'no summary line after a wrapped build',
  },
  'grid.coordinator': {
    type: addressType,
    initial: '',
    variable: 'HG_COORDINATOR',
    projectMaySet: false,
    effect: 'the coordinator whose workers and shared cache are used as well',
  },
  'grid.token_file': {
    type: pathType,
    // Replaced by resolve.ts: it depends on XDG_CONFIG_HOME and HOME.
    initial: '',
    variable: 'HG_TOKEN_FILE',
    projectMaySet: false,
    effect: 'the file with the token that coordinator, workers and clients share',
  },
  'grid.local_slots': {
    type: slotsType,
    initial: 'auto',
    variable: 'HG_LOCAL_SLOTS',
    projectMaySet: false,
    effect: 'compiles at once on this machine while there is a coordinator; more go to workers or wait',
  },
};

export const SETTING_KEYS = Object.keys(SETTINGS) as readonly SettingKey[];

export function isSettingKey(name: string): name is SettingKey {
  return Object.hasOwn(SETTINGS, name);
}

/** Variables of ours that are no setting. */
export const OTHER_VARIABLES: Readonly<Record<string, string>> = {
  HG_CONFIG: "a file read instead of the user's hybridgrid.yaml",
  HG_RUNTIME_DIR: "the private directory for the agent's socket",
  HG_NESTED: 'internal: set for a compiler that runs on behalf of the cache; its own children are left alone',
  HG_IGNORED_SIGNALS: 'internal: signals that were ignored when hgbuild was started',
  HG_SESSION: 'internal: the wrapped build a compile belongs to',
  HG_SESSION_FILE: 'internal: where a compile that did not reach the agent leaves a line',
};
