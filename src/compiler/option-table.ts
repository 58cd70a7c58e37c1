import type { RefusalReason } from '../base/refusal.ts';

/**
 * How an option takes its value: `flag` takes none; `joined` glues it on (it may be empty); `separate` takes the next
 * argument; `either` glues it on or, when nothing is glued, takes the next argument.
 */
export type Arity = 'flag' | 'joined' | 'separate' | 'either';

/**
 * What an accepted option does to the meaning of the line. Every accepted option is part of the key; the effects name
 * what it does beyond that. The reader has one handler per effect, so a new effect does not compile until handled.
 */
export type EffectName =
  /** Decides bytes, and nothing the cache must know more of. */
  | 'key'
  /** Decides where headers are searched and what target is compiled for. */
  | 'search'
  /** Decides moreover which programs are used. */
  | 'tool'
  /** As `search`; the value `native` stands for this very machine. */
  | 'arch'
  /** Turns debug information on (`-gtoggle`: perhaps), or off. */
  | 'debug'
  | 'no-debug'
  | 'split-dwarf'
  | 'no-split-dwarf'
  /** Diagnostics, instrumentation or annotations carry columns or depend on comments. */
  | 'columns'
  /** The output's name reaches the bytes. */
  | 'names-output'
  /** Writes a .gcno, and names the output. */
  | 'coverage'
  | 'stack-usage'
  /** Takes a .gcno or .su back, or not, depending on what else is said. */
  | 'no-side-output'
  /** The value is a file that is read. */
  | 'extra-input'
  /** A profile decides the code; the value names it (clang) or its directory (gcc). */
  | 'profile-use'
  /** The same, of an option that only says where profiles are. */
  | 'profile-directory'
  /** The result holds the command line. */
  | 'records'
  /** Link-time optimisation: under clang no assembler runs then. */
  | 'lto'
  | 'no-lto'
  | 'integrated-as'
  | 'external-as'
  | 'colour-explicit'
  | 'colour-auto'
  | 'forced-include'
  | 'output'
  | 'object'
  | 'assembly'
  | 'preprocess'
  | 'syntax'
  /** The compiler answers a question instead of compiling. */
  | 'query'
  /** Talks about its work on stderr; alone on the line it is a question. */
  | 'verbose'
  | 'language'
  | 'depfile-all'
  | 'depfile-user'
  | 'depfile-path'
  | 'depfile-target'
  /** Values that are options of another program or phase, each with a list of its own. */
  | 'pass-assembler'
  | 'pass-assembler-list'
  | 'pass-preprocessor'
  | 'pass-preprocessor-list'
  | 'pass-frontend'
  | 'pass-backend'
  /** The value is the encoding of the sources. */
  | 'charset'
  | 'diagnostics-format'
  | 'end-of-options';

export type Effect = EffectName | { readonly refuse: RefusalReason };

/** One option: its name with dashes, how it takes its value, what it does. */
export type OptionRow = readonly [name: string, arity: Arity, effect: Effect];

export interface OptionTable {
  readonly rows: ReadonlyMap<string, OptionRow>;
  /** Length of the longest name: bounds the search for a prefix. */
  readonly longest: number;
}

/** An option as found on a line: its row and the value glued to it (undefined for a bare spelling). */
export interface FoundOption {
  readonly row: OptionRow;
  readonly glued: string | undefined;
}

export function makeTable(...lists: readonly (readonly OptionRow[])[]): OptionTable {
  const rows = new Map<string, OptionRow>();
  for (const list of lists) for (const row of list) rows.set(row[0], row);
  return { rows, longest: Math.max(...[...rows.keys()].map((name) => name.length)) };
}

/** Finds an argument's row: the longest name that fits, as gcc and clang search their own tables. */
export function findOption(table: OptionTable, arg: string): FoundOption | undefined {
  for (let length = Math.min(arg.length, table.longest); length > 0; length--) {
    const row = table.rows.get(arg.slice(0, length));
    if (row === undefined) continue;
    if (length === arg.length) return { row, glued: row[1] === 'joined' ? '' : undefined };
    if (row[1] === 'joined' || row[1] === 'either') return { row, glued: arg.slice(length) };
  }
  return undefined;
}

/** The words of a list written as text, for the option families that are long and alike. */
export function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}

/**
 * Rows of `-f` names that only decide bytes. A word stands for `-fWORD` and `-fno-WORD`; one that ends in `=` or `-`
 * takes its value glued on (`-fWORD=VALUE`) and has no negative, except that `builtin-` has one.
 */
export function flagRows(names: readonly string[]): OptionRow[] {
  return names.flatMap((name): OptionRow[] =>
    /[=-]$/.test(name)
      ? [[`-f${name}`, 'joined', 'key']]
      : [
          [`-f${name}`, 'flag', 'key'],
          [`-fno-${name}`, 'flag', 'key'],
        ],
  );
}

/** Rows that share arity and effect. */
export function rowsOf(names: readonly string[], arity: Arity, effect: Effect): OptionRow[] {
  return names.map((name) => [name, arity, effect]);
}
