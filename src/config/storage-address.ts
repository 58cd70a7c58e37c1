import { type Parsed, type ValueType, yamlText } from './value-types.ts';

/** How entries are named on an HTTP server; the same names as ccache's. */
export const STORAGE_LAYOUTS = ['subdirs', 'flat', 'bazel'] as const;
export type StorageLayout = (typeof STORAGE_LAYOUTS)[number];

/** What every remote storage has in common. */
interface AnyAddress {
  /** The URL without its secrets, for people and logs. */
  readonly shown: string;
  /** Nothing is stored there from here. */
  readonly readOnly: boolean;
  /** How long a connection may take to be made, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** How long a question may take from its beginning to the last byte of the answer, in milliseconds. */
  readonly operationTimeoutMs: number;
  /** A file with the authorities (PEM) that its certificate is checked against, in place of the usual ones. */
  readonly tlsCa?: string;
}

export interface Place {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

export interface HttpAddress extends AnyAddress, Place {
  readonly kind: 'http';
  /** What stands before every entry's name: empty, or `/` and more, without a slash at its end. */
  readonly path: string;
  readonly layout: StorageLayout;
  /** The value of the `Authorization` header. */
  readonly authorization?: string;
}

export interface S3Address extends AnyAddress {
  readonly kind: 's3';
  readonly bucket: string;
  /** As `path` of an {@link HttpAddress}. */
  readonly prefix: string;
  readonly layout: StorageLayout;
  readonly endpoint?: string;
  readonly region?: string;
  /** Whether the bucket stands in the path, not in the host's name; undefined: what the endpoint suggests. */
  readonly pathStyle?: boolean;
}

export interface RedisAddress extends AnyAddress {
  readonly kind: 'redis';
  /** A socket's path in place of a host. */
  readonly at: Place | string;
  readonly user?: string;
  readonly password?: string;
  readonly database: number;
}

/** One `URL|ATTRIBUTE...` of the setting `cache.remote_storage`. */
export type StorageAddress = HttpAddress | S3Address | RedisAddress;

/** What an `ATTRIBUTE=VALUE` may be. A name alone is `true`. */
type Attributes = ReadonlyMap<string, string>;

/** A connection on a LAN takes 1 ms; with TLS over a continent 200. In milliseconds. */
const CONNECT_TIMEOUT_MS = 500;
/** A compile that waits longer would mostly have been done meanwhile. In milliseconds. */
const OPERATION_TIMEOUT_MS = 2_000;

const COMMON: readonly string[] = ['read-only', 'connect-timeout', 'operation-timeout', 'tls-ca'];
/** What may stand after the address of each kind. */
export const STORAGE_ATTRIBUTES: Readonly<Record<StorageAddress['kind'], readonly string[]>> = {
  http: [...COMMON, 'layout', 'bearer-token'],
  s3: [...COMMON, 'layout', 'endpoint', 'region', 'path-style'],
  redis: COMMON,
};

/** The address in `text`, or what is expected in its place: a sentence without the secrets in `text`. */
export function parseStorageAddress(
  text: string,
): StorageAddress | { readonly kind: 'bad'; readonly expected: string } {
  try {
    const [location = '', ...rest] = text.split('|');
    const url = new URL(location);
    const kind = kindOf(url.protocol);
    const attributes = readAttributes(rest, STORAGE_ATTRIBUTES[kind]);
    const tlsCa = attributes.get('tls-ca');
    if (tlsCa?.startsWith('/') === false) throw new BadAddress('tls-ca=/PATH/OF/FILE');
    const common: AnyAddress = {
      shown: hideSecrets(location),
      readOnly: flag(attributes, 'read-only') ?? false,
      connectTimeoutMs: milliseconds(attributes, 'connect-timeout') ?? CONNECT_TIMEOUT_MS,
      operationTimeoutMs: milliseconds(attributes, 'operation-timeout') ?? OPERATION_TIMEOUT_MS,
      ...(tlsCa === undefined ? {} : { tlsCa }),
    };
    if (kind === 'http') return httpAddress(url, attributes, common);
    return kind === 's3' ? s3Address(url, attributes, common) : redisAddress(url, common);
  } catch (error) {
    return { kind: 'bad', expected: error instanceof BadAddress ? error.message : URL_EXPECTED };
  }
}

const URL_EXPECTED = 'a URL that begins with http://, https://, s3://, redis://, rediss:// or redis+unix:';

/** What a part of an address should have been. Never leaves this file. */
class BadAddress extends Error {}

function kindOf(protocol: string): StorageAddress['kind'] {
  if (/^https?:$/.test(protocol)) return 'http';
  if (/^(rediss?|redis\+unix):$/.test(protocol)) return 'redis';
  if (protocol === 's3:') return 's3';
  throw new BadAddress(URL_EXPECTED);
}

function httpAddress(url: URL, attributes: Attributes, common: AnyAddress): HttpAddress {
  if (url.search !== '' || url.hash !== '') throw new BadAddress('an address without "?" and "#"');
  const tls = url.protocol === 'https:';
  const authorization = httpAuthorization(url, attributes);
  return {
    kind: 'http',
    ...common,
    ...placeOf(url, tls, tls ? 443 : 80),
    path: url.pathname.replace(/\/+$/, ''),
    layout: layoutOf(attributes),
    ...(authorization === undefined ? {} : { authorization }),
  };
}

function httpAuthorization(url: URL, attributes: Attributes): string | undefined {
  const token = attributes.get('bearer-token');
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
    throw new BadAddress('bearer-token=TOKEN in printable characters');
  if (token !== undefined) return `Bearer ${token}`;
  if (url.username === '') return undefined;
  const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

function s3Address(url: URL, attributes: Attributes, common: AnyAddress): S3Address {
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(url.host)) throw new BadAddress('s3://BUCKET/PREFIX');
  if (!/^[\w./-]*$/.test(url.pathname) || url.search !== '' || url.hash !== '')
    throw new BadAddress('a prefix of letters, digits, ".", "_", "-" and "/" after the bucket');
  const endpoint = attributes.get('endpoint');
  const region = attributes.get('region');
  const pathStyle = flag(attributes, 'path-style');
  if (endpoint !== undefined && !/^https?:\/\/[^/?#@]+\/?$/.test(endpoint))
    throw new BadAddress('endpoint=http://HOST:PORT or https://HOST:PORT');
  return {
    kind: 's3',
    ...common,
    bucket: url.host,
    prefix: url.pathname.replace(/\/+$/, ''),
    layout: layoutOf(attributes),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(pathStyle === undefined ? {} : { pathStyle }),
  };
}

/** As ccache spells them: `redis://[[USER:]PASSWORD@]HOST[:PORT][/DB]`, `redis+unix:/SOCKET[?db=DB]`. */
function redisAddress(url: URL, common: AnyAddress): RedisAddress {
  const isSocket = url.protocol === 'redis+unix:';
  if (isSocket && !/^\/./.test(url.pathname)) throw new BadAddress('redis+unix:/PATH/OF/SOCKET');
  const text = isSocket ? (url.searchParams.get('db') ?? '') : url.pathname.replace(/^\//, '');
  if (!/^\d{0,5}$/.test(text)) throw new BadAddress('the number of a database after the host, such as redis://host/1');
  const [user, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  // A word alone is the password.
  const login = password === '' ? { password: user } : user === '' ? { password } : { user, password };
  return {
    kind: 'redis',
    ...common,
    at: isSocket ? decodeURIComponent(url.pathname) : placeOf(url, url.protocol === 'rediss:', 6379),
    ...(user === '' && password === '' ? {} : login),
    database: Number(text),
  };
}

function placeOf(url: URL, tls: boolean, usualPort: number): Place {
  if (url.hostname === '') throw new BadAddress('a URL with a host');
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return { host, port: url.port === '' ? usualPort : Number(url.port), tls };
}

function layoutOf(attributes: Attributes): StorageLayout {
  const name = attributes.get('layout') ?? 'subdirs';
  const layout = STORAGE_LAYOUTS.find((known) => known === name);
  if (layout === undefined) throw new BadAddress(`layout= with one of ${STORAGE_LAYOUTS.join(', ')}`);
  return layout;
}

function readAttributes(texts: readonly string[], known: readonly string[]): Attributes {
  const attributes = new Map<string, string>();
  for (const text of texts) {
    const [, name = '', value = 'true'] = /^([^=]*)(?:=(.*))?$/s.exec(text) ?? [];
    if (!known.includes(name)) throw new BadAddress(`after "|" one of the attributes ${known.join(', ')}`);
    attributes.set(name, decodeURIComponent(value));
  }
  return attributes;
}

function flag(attributes: Attributes, name: string): boolean | undefined {
  const text = attributes.get(name);
  if (text !== undefined && text !== 'true' && text !== 'false') throw new BadAddress(`${name}=true or ${name}=false`);
  return text === undefined ? undefined : text === 'true';
}

function milliseconds(attributes: Attributes, name: string): number | undefined {
  const text = attributes.get(name);
  if (text !== undefined && !/^[1-9]\d{0,5}$/.test(text)) throw new BadAddress(`${name}=MILLISECONDS from 1 to 999999`);
  return text === undefined ? undefined : Number(text);
}

/** Attributes that are no secret; what others hold may be one, also where their name is misspelled. */
const SHOWN_ATTRIBUTES = [...COMMON, 'layout', 'endpoint', 'region', 'path-style'].join('|');
const HIDDEN_ATTRIBUTE = new RegExp(`\\|(?!(?:${SHOWN_ATTRIBUTES})=)([^=|\\s]*)=[^|\\s",\\]]*`, 'g');

/** Addresses as people and logs may see them: what opens the door is left out. */
export function hideSecrets(text: string): string {
  return text.replace(/(\/\/)[^\s|"]*@/g, '$1***@').replace(HIDDEN_ATTRIBUTE, '|$1=***');
}

/** Addresses, separated by blanks as ccache does, or as a YAML list; `none` is an empty list. */
export const storageListType: ValueType<readonly string[]> = {
  name: 'URLs | none',
  hide: hideSecrets,
  parse(raw): Parsed<readonly string[]> {
    if (raw === 'none') return { ok: true, value: [] };
    const items: unknown = typeof raw === 'string' ? raw.split(/\s+/).filter((item) => item !== '') : raw;
    if (!Array.isArray(items)) return { ok: false, expected: URL_EXPECTED };
    for (const item of items) {
      const address = typeof item === 'string' ? parseStorageAddress(item) : undefined;
      if (address === undefined) return { ok: false, expected: URL_EXPECTED };
      if (address.kind === 'bad') return { ok: false, expected: address.expected };
    }
    return { ok: true, value: items as string[] };
  },
  write: (value) => (value.length === 0 ? 'none' : `[${value.map((item) => yamlText(hideSecrets(item))).join(', ')}]`),
};
