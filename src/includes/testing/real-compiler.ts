import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { fromBytes, fsPath } from '../../base/byte-string.ts';
import { sha256 } from '../../base/digest.ts';
import type { Family, ForcedInclude, Language } from '../../compiler/invocation.ts';
import { type FileScan, scanDirectives } from '../directives.ts';
import type { FileKind, FileView, SearchList } from '../port.ts';
import { parseSearchList } from '../search-list.ts';
import { type Walk, type WalkInput, walk } from '../walk.ts';

/** One way to compile, for real: what the walk is compared with. */
export interface Setting {
  readonly compiler: 'gcc' | 'g++' | 'clang' | 'clang++';
  readonly language: Language;
  readonly cwd: string;
  readonly args?: readonly string[];
  readonly forcedIncludes?: readonly ForcedInclude[];
}

export function family(setting: Setting): Family {
  return setting.compiler.startsWith('clang') ? 'clang' : 'gcc';
}

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function run(setting: Setting, args: readonly string[]): Ran {
  const forced = (setting.forcedIncludes ?? []).flatMap(({ option, name }) => [option, name]);
  const { status, stdout, stderr } = spawnSync(
    setting.compiler,
    [...(setting.args ?? []), ...forced, '-x', setting.language, ...args],
    { cwd: setting.cwd, encoding: 'latin1', env: { PATH: process.env.PATH, LC_ALL: 'C' }, maxBuffer: 1 << 28 },
  );
  return { status, stdout, stderr };
}

export function searchListOf(setting: Setting): SearchList {
  const list = parseSearchList(run({ ...setting, forcedIncludes: [] }, ['-v', '-E', '/dev/null']).stderr, setting.cwd);
  if (list === undefined) throw new Error('the compiler printed no search list');
  return list;
}

/** What the compiler says it reads; undefined if it does not compile. */
export function filesRead(setting: Setting, source: string): ReadonlySet<string> | undefined {
  const { status, stdout } = run(setting, ['-M', source]);
  if (status !== 0) return undefined;
  return new Set(prerequisites(stdout).map((path) => (path.startsWith('/') ? path : `${setting.cwd}/${path}`)));
}

/** The prerequisites of a make rule as gcc and clang write it. */
export function prerequisites(rule: string): readonly string[] {
  const joined = rule.replace(/\\\n/g, ' ').replace(/^(?:\\.|[^:\\])*:/, '');
  const words = joined.split('\n')[0]?.match(/(?:\\[ #\\]|\$\$|[^\s])+/g) ?? [];
  return words.map((word) => word.replace(/\\([ #])/g, '$1').replace(/\$\$/g, '$'));
}

/** The real file system, remembering scans by content as the agent does. */
export function diskView(): FileView & { readonly asked: Map<string, number> } {
  const scans = new Map<string, FileScan>();
  const asked = new Map<string, number>();
  const stat = (path: string) => statSync(fsPath(path), { throwIfNoEntry: false });
  return {
    asked,
    kindOf(path): FileKind {
      asked.set(path, (asked.get(path) ?? 0) + 1);
      try {
        const found = stat(path);
        return found === undefined ? 'absent' : found.isFile() ? 'file' : found.isDirectory() ? 'directory' : 'other';
      } catch {
        return 'absent';
      }
    },
    scan(path) {
      const content = fromBytes(readFileSync(fsPath(path)));
      const digest = sha256(content);
      const scan = scans.get(digest) ?? scanDirectives(content);
      scans.set(digest, scan);
      return scan;
    },
    identityOf(path) {
      const found = stat(path);
      return found === undefined ? undefined : `${found.dev}:${found.ino}`;
    },
    inodeOf: (path) => stat(path)?.ino,
    digestOf: (path) => sha256(readFileSync(fsPath(path))),
  };
}

export function inputFor(setting: Setting, source: string, search: SearchList, view: FileView): WalkInput {
  const defines = (setting.args ?? []).filter((arg) => arg.startsWith('-D')).map((arg) => arg.slice(2));
  return {
    cwd: setting.cwd,
    source,
    family: family(setting),
    language: setting.language,
    forcedIncludes: setting.forcedIncludes ?? [],
    search,
    view,
    commandLineDefines: defines,
  };
}

/** The walk of a source over the real disk, with the compiler's own list unless `closure`. */
export function walkFor(setting: Setting, source: string, mode: 'truth' | 'closure' = 'truth'): Walk {
  const input = inputFor(setting, source, searchListOf(setting), diskView());
  if (mode === 'closure') return walk(input);
  const truth = filesRead(setting, source);
  if (truth === undefined) throw new Error(`does not compile: ${run(setting, ['-M', source]).stderr}`);
  return walk({ ...input, truth });
}
