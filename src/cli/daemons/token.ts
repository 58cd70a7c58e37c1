import { randomBytes } from 'node:crypto';
import { linkSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fsPath } from '../../base/byte-string.ts';
import { makeDirectories } from '../../cas/make-directories.ts';
import { readToken } from '../../config/grid-credentials.ts';
import { CliError, EXIT } from '../exit-codes.ts';

/**
 * The token of the grid, made on the coordinator's first start even for loopback alone: other users of the machine are
 * no friends. Two coordinators that start at once agree on one.
 */
export function tokenOrNew(path: string): { readonly token: string; readonly made: boolean } {
  const found = readToken(path);
  if (found !== undefined) return { token: found, made: false };
  const token = randomBytes(32).toString('hex');
  const aside = `${path}.${process.pid}`;
  try {
    makeDirectories(dirname(path), 0o700);
    writeFileSync(fsPath(aside), `${token}\n`, { mode: 0o600, flag: 'wx' });
    linkSync(fsPath(aside), fsPath(path));
    return { token, made: true };
  } catch (error) {
    const other = readToken(path);
    if (other !== undefined) return { token: other, made: false };
    throw new CliError(
      `no token can be kept in ${path}: ${(error as Error).message}; give --token-file`,
      EXIT.negative,
    );
  } finally {
    rmSync(fsPath(aside), { force: true });
  }
}
