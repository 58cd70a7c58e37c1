import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { fsPath } from '../base/byte-string.ts';
import { type Digest, parseDigest, sha256 } from '../base/digest.ts';
import { type CacheLayout, shardedPath } from '../cas/layout.ts';
import { readSmallJson, writeSmallJson } from './small-file.ts';

/** The last command that compiled a source, so that `hgbuild explain FILE` needs no command line. Byte strings. */
export interface SourceCommand {
  /** Absolute path of the compiler. */
  readonly compiler: string;
  /** Without argv[0]. */
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: ReadonlyMap<string, string>;
  /** The fingerprint it was stored under. */
  readonly key?: Digest;
}

export interface SourceIndex {
  /** `source` as spelled on the command line; it is taken relative to the command's directory. */
  remember(source: string, command: SourceCommand): void;
  /** By the absolute path. */
  find(source: string): SourceCommand | undefined;
}

/** Commands this process need not write again; bounds the memory of an agent that never ends. */
const REMEMBERED = 20_000;

export function openSourceIndex(layout: CacheLayout): SourceIndex {
  const written = new Map<string, Digest>();
  return {
    remember(source, command) {
      const path = absolute(source, command.cwd);
      const record = encode(path, command);
      const digest = sha256(JSON.stringify(record));
      // `cache clear` may have taken it away meanwhile.
      if (written.get(path) === digest && existsSync(fsPath(pathOf(layout, path)))) return;
      if (writeSmallJson(layout, pathOf(layout, path), record)) return;
      if (written.size >= REMEMBERED) written.clear();
      written.set(path, digest);
    },
    find(source) {
      const path = absolute(source, '/');
      return decode(path, readSmallJson(pathOf(layout, path)));
    },
  };
}

function absolute(source: string, cwd: string): string {
  return posix.normalize(source.startsWith('/') ? source : `${cwd}/${source}`);
}

function pathOf(layout: CacheLayout, source: string): string {
  return shardedPath(layout.sources, sha256(source), '.json');
}

function encode(source: string, { compiler, args, cwd, env, key }: SourceCommand): object {
  return { v: 1, source, compiler, args, cwd, env: Object.fromEntries(env), ...(key === undefined ? {} : { key }) };
}

function decode(source: string, record: Record<string, unknown> | undefined): SourceCommand | undefined {
  if (record === undefined || record.v !== 1 || record.source !== source) return undefined;
  const { compiler, args, cwd, env, key } = record;
  if (typeof compiler !== 'string' || typeof cwd !== 'string' || !isStrings(args)) return undefined;
  if (typeof env !== 'object' || env === null || !isStrings(Object.values(env))) return undefined;
  const found = { compiler, args, cwd, env: new Map(Object.entries(env) as [string, string][]) };
  const parsed = typeof key === 'string' ? parseDigest(key) : undefined;
  return parsed === undefined ? found : { ...found, key: parsed };
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
