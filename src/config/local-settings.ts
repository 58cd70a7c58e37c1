import type { SettingTable } from './setting-spec.ts';
import { storageListType } from './storage-address.ts';
import {
  booleanType,
  durationType,
  type Jobs,
  jobsType,
  type LogLevel,
  logLevelType,
  pathListType,
  pathType,
  shareType,
  sizeType,
} from './value-types.ts';

/** The cache of this machine and what is compiled here. */
export interface LocalSettings {
  readonly 'cache.enabled': boolean;
  readonly 'cache.dir': string;
  readonly 'cache.max_size': number;
  readonly 'cache.compress_after': number;
  readonly 'cache.read_only': boolean;
  readonly 'cache.recache': boolean;
  readonly 'cache.base_dirs': readonly string[];
  readonly 'cache.remote_storage': readonly string[];
  readonly 'agent.idle_exit': number;
  readonly 'agent.log_level': LogLevel;
  readonly 'agent.log_size': number;
  readonly 'compile.allow_script_compilers': readonly string[];
  readonly 'compile.jobs': Jobs;
  readonly 'compile.verbose': boolean;
  readonly 'compile.quiet': boolean;
  readonly 'compile.verify': number;
}

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

export const LOCAL_SETTINGS: SettingTable<LocalSettings> = {
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
    initial: '',
    usually: '~/.cache/hybridgrid',
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
  // It says whom this machine trusts: not for somebody's sources to set.
  'cache.remote_storage': {
    type: storageListType,
    initial: [],
    variable: 'HG_REMOTE_STORAGE',
    projectMaySet: false,
    effect: 'storages that other machines share (HTTP, S3, Redis): asked where this cache has no answer, and filled',
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
  'compile.verify': {
    type: shareType,
    initial: 0,
    variable: 'HG_VERIFY',
    projectMaySet: true,
    effect: 'this share of the delivered results is compiled again here in idle time and compared byte for byte',
  },
};
