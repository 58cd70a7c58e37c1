import type { SearchList } from '../includes/port.ts';
import { chainOf } from '../includes/search-list.ts';
import { type Walk, walk } from '../includes/walk.ts';
import type { Description } from './describe.ts';
import type { FileStates } from './file-state.ts';

/** The include walk of a compile over the files of this machine; `truth`: the compiler's own list, where there is one. */
export function scanCompile(
  description: Description,
  search: SearchList,
  files: FileStates,
  truth?: ReadonlySet<string>,
): Walk {
  const { invocation, request } = description;
  return walk({
    cwd: request.cwd,
    source: invocation.source,
    family: invocation.family,
    language: invocation.language,
    precompiles: invocation.stage === 'precompiled',
    forcedIncludes: invocation.forcedIncludes,
    commandLineDefines: definesOf(invocation.keyArgs),
    search,
    lookups: files.lookupsOver(chainOf(search)),
    knownWalks: files.knownWalks,
    moment: files.moment,
    dateIsFixed: dateIsFixed(description),
    view: {
      kindOf: (path) => files.stampOf(path)?.kind ?? 'absent',
      lacks: files.lacks,
      versionOf: files.listingOf,
      isLink: files.isLink,
      scan: (path) => files.scanOf(path),
      identityOf: (path) => {
        const at = files.stampOf(path);
        return at === undefined ? undefined : `${at.stamp.dev}:${at.stamp.ino}`;
      },
      inodeOf: (path) => {
        const at = files.stampOf(path);
        return at === undefined ? undefined : Number(at.stamp.ino);
      },
      stateOf(path, contentCounts) {
        const at = files.stampOf(path);
        return contentCounts && at?.content === undefined ? undefined : at;
      },
      digestOf: (path) => files.digestOf(path)?.digest,
    },
    ...(truth === undefined ? {} : { truth }),
  });
}

/** The -D options among the arguments: a macro may be the operand of an #include. */
function definesOf(args: readonly string[]): readonly string[] {
  return args.flatMap((arg, i) => {
    if (arg === '-D') return [args[i + 1] ?? ''];
    return arg.startsWith('-D') ? [arg.slice(2)] : [];
  });
}

/** With SOURCE_DATE_EPOCH gcc prints a fixed date, and the variable is in the key. clang knows it from 16 on only. */
function dateIsFixed({ invocation, request }: Description): boolean {
  return invocation.family === 'gcc' && (request.env.get('SOURCE_DATE_EPOCH') ?? '') !== '';
}
