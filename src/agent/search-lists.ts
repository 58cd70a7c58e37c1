import type { SearchList } from '../includes/port.ts';
import { parseSearchList } from '../includes/search-list.ts';
import { askCompiler } from './ask-compiler.ts';
import type { Description } from './describe.ts';
import type { FileStates } from './file-state.ts';

/**
 * Where a compile looks for headers, asked of the compiler itself: it knows its built-in directories, drops missing and
 * doubled ones, and reads CPATH. One question per set of options that matter, about 20 ms, off the user's path.
 */
export interface SearchLists {
  of(description: Description): Promise<SearchList | undefined>;
}

const MEMORY_LIMIT = 2_000;

export function searchLists(files: FileStates): SearchLists {
  const known = new Map<string, Promise<SearchList | undefined>>();
  // The list is one of existing directories: it changes when a missing one appears or a listed one goes.
  const stillHolds = (list: SearchList): boolean =>
    list.missing.every((path) => files.stampOf(path)?.kind !== 'directory') &&
    [...list.quote, ...list.bracket].every((path) => files.stampOf(path)?.kind === 'directory');
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
      if (before !== undefined && stillHolds(before)) return before;
      if (known.size >= MEMORY_LIMIT) known.clear();
      const asked = ask(description);
      known.set(key, asked);
      return asked;
    },
  };
}

async function ask({ invocation, request }: Description): Promise<SearchList | undefined> {
  const args = [...invocation.searchArgs, '-v', '-E', '-x', invocation.language, '/dev/null'];
  const says = await askCompiler(request.compiler, args, { cwd: request.cwd, env: request.env });
  return says?.ok === true ? parseSearchList(says.stderr, request.cwd) : undefined;
}
