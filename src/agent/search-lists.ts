import type { SearchList } from '../includes/port.ts';
import { parseSearchList } from '../includes/search-list.ts';
import { askCompiler } from './ask-compiler.ts';
import type { Description } from './describe.ts';
import type { FileStates } from './file-state.ts';
import { partition } from './partition.ts';

/**
 * Where a compile looks for headers, asked of the compiler itself: it knows its built-in directories, drops missing and
 * doubled ones, and reads CPATH. One question per set of options that matter, about 20 ms, off the user's path.
 */
export interface SearchLists {
  of(description: Description): Promise<SearchList | undefined>;
}

const MEMORY_LIMIT = 2_000;

/** A list, and which of its directories were one and the same when the compiler was asked. */
interface Known {
  readonly list: SearchList;
  readonly partition: string;
}

/** Every directory named in a list, in a fixed order. */
export function directoriesOf({ quote, bracket, duplicate = [] }: SearchList): readonly string[] {
  return [...quote, ...bracket, ...duplicate];
}

/** Compilers drop all names of a directory but one, and not always the later ones. */
function partitionOf(list: SearchList, files: FileStates): string {
  return partition(directoriesOf(list), 'directory', files);
}

export function searchLists(files: FileStates): SearchLists {
  const known = new Map<string, Promise<Known | undefined>>();
  // The list is one of existing directories: it changes when a missing one appears, a listed one goes, or a link turns.
  const stillHolds = ({ list, partition: before }: Known): boolean =>
    list.missing.every((path) => files.stampOf(path)?.kind !== 'directory') && partitionOf(list, files) === before;
  const learn = async (description: Description): Promise<Known | undefined> => {
    const list = await ask(description);
    return list === undefined ? undefined : { list, partition: partitionOf(list, files) };
  };
  return {
    async of(description) {
      const { invocation, request, toolchain } = description;
      const env = description.fields.filter((field) => field.tag === 'env').map((field) => field.value);
      const key = JSON.stringify([
        toolchain.digest,
        request.compiler,
        invocation.language,
        invocation.searchArgs,
        request.cwd,
        env,
      ]);
      const before = await known.get(key);
      if (before !== undefined && stillHolds(before)) return before.list;
      if (known.size >= MEMORY_LIMIT) known.clear();
      const asked = learn(description);
      known.set(key, asked);
      return (await asked)?.list;
    },
  };
}

async function ask({ invocation, request }: Description): Promise<SearchList | undefined> {
  const args = [...invocation.searchArgs, '-v', '-E', '-x', invocation.language, '/dev/null'];
  const says = await askCompiler(request.compiler, args, { cwd: request.cwd, env: request.env });
  return says?.ok === true ? parseSearchList(says.stderr, request.cwd) : undefined;
}
