import { readFileSync } from 'node:fs';
import { fsPath } from '../base/byte-string.ts';
import type { TlsIdentity } from '../base/tls-identity.ts';
import type { GridSettings } from './grid-settings.ts';

/** What opens the way to a coordinator. */
export interface GridCredentials {
  /** Undefined where there is none: the coordinator says what it thinks of that. */
  readonly token: string | undefined;
  /** Undefined: no TLS. */
  readonly tls: TlsIdentity | undefined;
}

/** A file with credentials that cannot be read; the message names it. */
export class CredentialsUnreadable extends Error {
  override readonly name = 'CredentialsUnreadable';
  readonly code = 'HG_CREDENTIALS';
}

/** Reads the files that the settings name. Throws {@link CredentialsUnreadable}; a missing token is none. */
export function readGridCredentials(settings: GridSettings): GridCredentials {
  const [ca, cert, key] = [settings['grid.tls_ca'], settings['grid.tls_cert'], settings['grid.tls_key']];
  if ((cert === '') !== (key === ''))
    throw new CredentialsUnreadable('grid.tls_cert and grid.tls_key belong together: set both or neither');
  const tls = ca === '' && cert === '' ? undefined : { ...pem('ca', ca), ...pem('cert', cert), ...pem('key', key) };
  return { token: readToken(settings['grid.token_file']), tls };
}

/** The token that the grid shares; undefined where there is none. */
export function readToken(path: string): string | undefined {
  try {
    const text = readFileSync(fsPath(path), 'utf8').trim();
    return text === '' ? undefined : text;
  } catch {
    return undefined;
  }
}

function pem(name: keyof TlsIdentity, path: string): TlsIdentity {
  return path === '' ? {} : { [name]: readPem(path) };
}

/** A certificate or a key. Throws {@link CredentialsUnreadable}. */
export function readPem(path: string): Buffer {
  try {
    const text = readFileSync(fsPath(path));
    if (!text.includes('-----BEGIN ')) throw new CredentialsUnreadable(`${path} is no PEM file`);
    return text;
  } catch (error) {
    if (error instanceof CredentialsUnreadable) throw error;
    throw new CredentialsUnreadable(`${path} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
}
