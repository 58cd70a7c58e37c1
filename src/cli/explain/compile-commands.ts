import { readFileSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { CliError } from '../exit-codes.ts';
import { shellWords } from './shell-words.ts';

/** A compile as some record has it: what to call, and where. Native strings. */
export interface RecordedCommand {
  readonly argv: readonly string[];
  readonly cwd: string;
  /** Where it was found, for the person who wonders. */
  readonly from: string;
}

interface Entry {
  readonly directory?: unknown;
  readonly file?: unknown;
  readonly command?: unknown;
  readonly arguments?: unknown;
}

/** The last command that compiles `file`, from a compile_commands.json in its directories or their build/ upwards. */
export function fromCompileCommands(file: string, cwd: string): RecordedCommand | undefined {
  for (const start of new Set([cwd, dirname(resolve(cwd, file))])) {
    for (let directory = start; ; directory = dirname(directory)) {
      for (const path of [
        join(directory, 'compile_commands.json'),
        join(directory, 'build', 'compile_commands.json'),
      ]) {
        const found = searchDatabase(path, resolve(cwd, file));
        if (found !== undefined) return found;
      }
      if (directory === '/') break;
    }
  }
  return undefined;
}

function searchDatabase(path: string, file: string): RecordedCommand | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  const wanted = realPath(file);
  const entry = parseDatabase(path, text).findLast((candidate) => {
    const { directory, file: named } = candidate;
    return typeof directory === 'string' && typeof named === 'string' && realPath(resolve(directory, named)) === wanted;
  });
  if (entry === undefined) return undefined;
  const argv = Array.isArray(entry.arguments) ? entry.arguments.map(String) : shellWords(String(entry.command ?? ''));
  if (argv === undefined || argv.length === 0) throw new CliError(`${path}: the command for ${file} cannot be read`);
  return { argv, cwd: String(entry.directory), from: path };
}

function parseDatabase(path: string, text: string): readonly Entry[] {
  try {
    const parsed: unknown = JSON.parse(text);
    if (Array.isArray(parsed)) return parsed as Entry[];
  } catch {
    // Said below.
  }
  throw new CliError(`${path} is no compilation database; make it again, or use: hgbuild explain -- COMMAND`);
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
