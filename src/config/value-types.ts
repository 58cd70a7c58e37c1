import { posix } from 'node:path';
import { parseBytes, writeBytes } from '../base/bytes.ts';
import { parseDuration, writeDuration } from '../base/duration.ts';

/** What a relative path or a `~/` in a value means. Byte strings. */
export interface ValueContext {
  /** Relative paths start here; `undefined` where a relative path makes no sense and is refused. */
  readonly directory: string | undefined;
  readonly home: string | undefined;
}

export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly expected: string };

/** One kind of value: how it is read (from YAML or from text) and how it is written back. */
export interface ValueType<T> {
  /** For the documentation and for completion. */
  readonly name: string;
  parse(raw: unknown, context: ValueContext): Parsed<T>;
  /** As it would stand in `hybridgrid.yaml`. */
  write(value: T): string;
  /** How text of this type is shown to people, right or wrong: without the secrets in it. */
  readonly hide?: (text: string) => string;
}

const TRUE = new Set(['1', 'true', 'yes', 'on']);
const FALSE = new Set(['0', 'false', 'no', 'off']);

export const booleanType: ValueType<boolean> = {
  name: 'boolean',
  parse(raw) {
    const text = String(raw).toLowerCase();
    if (TRUE.has(text)) return ok(true);
    return FALSE.has(text) ? ok(false) : expected('true or false');
  },
  write: String,
};

/** Bytes; `unlimited` is infinity. */
export const sizeType: ValueType<number> = {
  name: 'size',
  parse(raw) {
    if (raw === 'unlimited') return ok(Number.POSITIVE_INFINITY);
    const bytes = parseBytes(String(raw));
    return bytes === undefined || bytes === 0
      ? expected('a size with its unit, such as 10GiB or 500MB, or "unlimited"')
      : ok(bytes);
  },
  write: (value) => (Number.isFinite(value) ? writeBytes(value) : 'unlimited'),
};

/** Milliseconds; `never` is infinity. */
export const durationType: ValueType<number> = {
  name: 'duration',
  parse(raw) {
    if (raw === 'never') return ok(Number.POSITIVE_INFINITY);
    const milliseconds = parseDuration(String(raw));
    return milliseconds === undefined || milliseconds === 0
      ? expected('a duration with its unit, such as 90s, 10m or 2d, or "never"')
      : ok(milliseconds);
  },
  write: (value) => (Number.isFinite(value) ? writeDuration(value) : 'never'),
};

const WHOLE = 100;

/** A part of 1, written in percent; `off` is none. */
export const shareType: ValueType<number> = {
  name: 'PERCENT% | off',
  parse(raw) {
    // YAML reads `off` as it stands, its elder versions as false.
    if (raw === 'off' || raw === false) return ok(0);
    const percent = /^(\d{1,3}(?:\.\d{1,6})?)%$/.exec(String(raw))?.[1];
    return percent === undefined || Number(percent) > WHOLE
      ? expected('a share from 0% to 100%, such as 1% or 0.5%, or "off"')
      : ok(Number(percent) / WHOLE);
  },
  write: (value) => (value === 0 ? 'off' : `${Number((value * WHOLE).toFixed(6))}%`),
};

export const pathType: ValueType<string> = {
  name: 'path',
  parse(raw, context) {
    if (typeof raw !== 'string' || raw === '') return expected('a path');
    return absolutePath(raw, context);
  },
  write: yamlText,
};

/** A path, or `none`: the empty string. */
export const optionalPathType: ValueType<string> = {
  name: 'path | none',
  parse: (raw, context) => (raw === 'none' ? ok('') : pathType.parse(raw, context)),
  write: (value) => (value === '' ? 'none' : yamlText(value)),
};

/** A YAML list, or in the environment a colon-separated one as in PATH. */
export const pathListType: ValueType<readonly string[]> = {
  name: 'list of paths',
  parse(raw, context) {
    const items = typeof raw === 'string' ? raw.split(':').filter((item) => item !== '') : raw;
    if (!Array.isArray(items)) return expected('a list of paths');
    const paths: string[] = [];
    for (const item of items) {
      const path = pathType.parse(item, context);
      if (!path.ok) return path;
      paths.push(path.value);
    }
    return ok(paths);
  },
  write: (value) => `[${value.map(yamlText).join(', ')}]`,
};

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug', 'trace'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const logLevelType: ValueType<LogLevel> = {
  name: LOG_LEVELS.join(' | '),
  parse(raw) {
    const level = LOG_LEVELS.find((name) => name === raw);
    return level === undefined ? expected(`one of ${LOG_LEVELS.join(', ')}`) : ok(level);
  },
  write: String,
};

/** `tool` leaves the number to the tool, `auto` is one per processor. */
export type Jobs = number | 'auto' | 'tool';

export const jobsType: ValueType<Jobs> = {
  name: 'number | auto | tool',
  parse(raw) {
    if (raw === 'auto' || raw === 'tool') return ok(raw);
    const count = /^[1-9]\d{0,3}$/.test(String(raw)) ? Number(raw) : undefined;
    return count === undefined ? expected('a number from 1 to 9999, "auto" or "tool"') : ok(count);
  },
  write: String,
};

/** Compiles at once on this machine; `auto` is one per processor. */
export type Slots = number | 'auto';

export const slotsType: ValueType<Slots> = {
  name: 'number | auto',
  parse(raw) {
    if (raw === 'auto') return ok(raw);
    const count = /^(0|[1-9]\d{0,3})$/.test(String(raw)) ? Number(raw) : undefined;
    return count === undefined ? expected('a number from 0 to 9999 or "auto"') : ok(count);
  },
  write: String,
};

/** Where a coordinator listens unless it is told otherwise. */
const DEFAULT_PORT = 9000;

/** `HOST:PORT` or `HOST`, the host in brackets if it is an IPv6 address; `none` is the empty string. */
export const addressType: ValueType<string> = {
  name: 'HOST:PORT | none',
  parse(raw) {
    if (raw === 'none') return ok('');
    const parts = /^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.%]+\])(?::(\d{1,5}))?$/.exec(String(raw));
    const port = Number(parts?.[2] ?? DEFAULT_PORT);
    return parts === null || port < 1 || port > 65_535
      ? expected('HOST:PORT, such as build-box:9000, or "none"')
      : ok(`${parts[1]}:${port}`);
  },
  write: (value) => (value === '' ? 'none' : yamlText(value)),
};

/** An address or a name to listen on. */
export const hostType: ValueType<string> = {
  name: 'ADDRESS',
  parse: (raw) =>
    /^[A-Za-z0-9._:%-]+$/.test(String(raw)) ? ok(String(raw)) : expected('an address, such as 0.0.0.0 or ::'),
  write: yamlText,
};

/** Where a worker lets clients come: `auto` is any port, towards the coordinator; `off` is nowhere. Port 0 is any. */
export const listenType: ValueType<string> = {
  name: 'HOST:PORT | auto | off',
  parse(raw) {
    if (raw === 'auto' || raw === 'off') return ok(raw);
    const parts = /^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.%]+\]):(\d{1,5})$/.exec(String(raw));
    return parts === null || Number(parts[2]) > 65_535
      ? expected('HOST:PORT, such as 0.0.0.0:9100, "auto" or "off"')
      : ok(String(raw));
  },
  write: yamlText,
};

/** 0 is any that is free. */
export const portType: ValueType<number> = {
  name: 'port',
  parse: (raw) =>
    /^\d{1,5}$/.test(String(raw)) && Number(raw) <= 65_535 ? ok(Number(raw)) : expected('a number from 0 to 65535'),
  write: String,
};

/** The name of a worker; `auto` is made from the name of the machine. */
export const workerNameType: ValueType<string> = {
  name: 'NAME | auto',
  parse: (raw) =>
    /^[\w.-]{1,100}$/.test(String(raw))
      ? ok(raw === 'auto' ? '' : String(raw))
      : expected('up to 100 letters, digits, ".", "_" and "-", or "auto"'),
  write: (value) => (value === '' ? 'auto' : yamlText(value)),
};

function absolutePath(text: string, context: ValueContext): Parsed<string> {
  if (text === '~' || text.startsWith('~/')) {
    if (context.home === undefined) return expected('a path without "~", because HOME is not set');
    return ok(posix.normalize(`${context.home}${text.slice(1)}`));
  }
  if (text.startsWith('/')) return ok(withoutTrailingSlash(posix.normalize(text)));
  if (context.directory === undefined) return expected('an absolute path');
  return ok(withoutTrailingSlash(posix.join(context.directory, text)));
}

function withoutTrailingSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

/** Quotes only what YAML would read as something else than this text. */
export function yamlText(text: string): string {
  return /^[\w/.@+~-][\w/.@+~ -]*$/.test(text) && !/^[-~]?$|^\d|\s$/.test(text) ? text : JSON.stringify(text);
}

function ok<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

function expected<T>(what: string): Parsed<T> {
  return { ok: false, expected: what };
}
