/** The command lines of the edit fuzzer, and the edits that change a line or its environment instead of a file. */
import { join } from 'node:path';
import { pick, type Random } from './command-lines-generator.ts';
import { chance, FLAGS } from './edits-texts.ts';

/** Where headers may lie: some missing at first, some links, one with a name that depfiles have to quote. */
export const DIRECTORIES = [
  'd0',
  'd1',
  'd2',
  'd3',
  'new/one',
  'l0',
  'lsys',
  'sys',
  'a long directory name',
  'deep/er',
] as const;

/** An option, with the directory or file it names, which is spelled as the line's directory demands. */
export interface Option {
  readonly words: readonly string[];
  readonly path?: string;
  readonly absolute?: boolean;
}

export interface Line {
  readonly compiler: string;
  /** Relative to the tree. */
  readonly source: string;
  readonly options: readonly Option[];
  /** Paths in values are written with `%` for the tree. */
  readonly env: Readonly<Record<string, string>>;
  /** Where the compiler is called: the tree itself, or a directory in it. */
  readonly cwd: '' | 'src';
  /** Options are handed over in a response file. */
  readonly inFile: boolean;
  readonly output: string;
}

/** A line as it can be run. */
export interface Call {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

export function callOf(line: Line, root: string): Call {
  const spell = (path: string, absolute = false): string =>
    absolute ? join(root, path) : line.cwd === '' ? path : `../${path}`;
  const options = line.options.flatMap(({ words, path, absolute }) => {
    if (path === undefined) return words.map((word) => word.replaceAll('%', root));
    const named = spell(path, absolute);
    return words.length === 1 && words[0]?.startsWith('-I') ? [`-I${named}`] : [...words, named];
  });
  const env = Object.fromEntries(Object.entries(line.env).map(([name, value]) => [name, value.replaceAll('%', root)]));
  const compiler = line.compiler.replaceAll('%', root);
  const given = line.inFile ? [`@${spell('args.rsp')}`, ...options] : options;
  return {
    argv: [compiler, ...given, '-c', spell(line.source), '-o', spell(line.output)],
    cwd: line.cwd === '' ? root : join(root, line.cwd),
    env,
  };
}

const searchOption = (random: Random): Option => {
  const path = pick(random, DIRECTORIES);
  const absolute = chance(random, 0.35);
  const flag = pick(random, ['-I', '-I', '-I', '-isystem', '-iquote', '-idirafter', '-isystem']);
  return { words: [flag], path, absolute };
};

const PLAIN: readonly (readonly string[])[] = [
  ...FLAGS.map((flag) => [`-D${flag}`]),
  ['-DFLAG_A=2'],
  ['-UFLAG_A'],
  ['-DINC_h3_h=<h3.h>'],
  ['-DINC_sub_h2_h="h4.h"'],
  ['-DLINE=__LINE__'],
  ['-O2'],
  ['-Os'],
  ['-g'],
  ['-g'],
  ['-ggdb3'],
  ['-gdwarf-4'],
  ['-gsplit-dwarf'],
  ['-Wall'],
  ['-Wextra'],
  ['-Wsystem-headers'],
  ['-MP'],
  ['-fPIC'],
  ['-fdebug-prefix-map=%=.'],
  ['-ffile-prefix-map=%/d0=D'],
  ['-std=gnu11'],
  ['-nostdinc'],
  ['-fstack-usage'],
  ['-fno-canonical-system-headers'],
];

const depfileOption = (random: Random): Option => ({ words: [pick(random, ['-MD', '-MD', '-MD', '-MMD'])] });

const forcedOption = (random: Random): Option => ({
  words: [pick(random, ['-include', '-include', '-imacros'])],
  path: `${pick(random, ['d0', 'd1', 'l0'])}/${pick(random, ['h3.h', 'h4.h'])}`,
  absolute: chance(random, 0.3),
});

function anyOption(random: Random): Option {
  const roll = random();
  if (roll < 0.5) return searchOption(random);
  if (roll < 0.57) return forcedOption(random);
  if (roll < 0.67) return depfileOption(random);
  return { words: pick(random, PLAIN) };
}

export const COMPILERS = ['gcc', 'gcc', 'g++', 'clang', 'clang++', '%/tools/gcc', '%/tools/linked/gcc'] as const;

export function newLine(random: Random, index: number): Line {
  const compiler = pick(random, COMPILERS);
  const options = [searchOption(random), { words: ['-I'], path: 'd0' }, searchOption(random)];
  if (chance(random, 0.7)) options.push(depfileOption(random));
  if (chance(random, 0.45)) options.push({ words: ['-g'] });
  return {
    compiler,
    source: /\+\+$/.test(compiler) ? 'src/main.cc' : 'src/main.c',
    options,
    // With the tree as a base directory, trees share what they can.
    env: { PWD: '%', ...(chance(random, 0.2) ? { HG_BASE_DIRS: '%' } : {}) },
    cwd: chance(random, 0.25) ? 'src' : '',
    inFile: chance(random, 0.15),
    output: `out/${index}.o`,
  };
}

const SEARCH_VALUES = ['%/d1', '%/d2:%/d0', 'd1', '%/d3', '%/new/one:%/d1', ':%/d2', '%/l0', ''];

/** Variables that reach a compile, with values that differ in what they do to it. */
const VARIABLES: Readonly<Record<string, readonly string[]>> = {
  CPATH: SEARCH_VALUES,
  C_INCLUDE_PATH: SEARCH_VALUES,
  CPLUS_INCLUDE_PATH: SEARCH_VALUES,
  SOURCE_DATE_EPOCH: ['0', '86400', '1000000000'],
  LANG: ['C', 'C.UTF-8', 'en_US.UTF-8'],
  LC_ALL: ['C', 'C.UTF-8'],
  GCC_COLORS: ['error=31', ''],
  PWD: ['%', '%.here', '/nowhere'],
  PATH: ['%/tools/bin:/usr/local/bin:/usr/bin:/bin', '/usr/bin:/bin'],
  COMPILER_PATH: ['%/tools/bin', '%/tools/bin:%/tools/none'],
  HG_BASE_DIRS: ['%'],
  TMPDIR: ['/tmp', '/var/tmp'],
};

function withVariable(line: Line, random: Random): Line {
  const name = pick(random, Object.keys(VARIABLES));
  const { [name]: old, ...others } = line.env;
  if (old !== undefined && chance(random, 0.5)) return { ...line, env: others };
  return { ...line, env: { ...others, [name]: pick(random, VARIABLES[name] ?? ['']) } };
}

function moved<T>(list: readonly T[], random: Random): readonly T[] {
  if (list.length < 2) return list;
  const from = Math.floor(random() * list.length);
  const rest = list.filter((_, at) => at !== from);
  const to = Math.floor(random() * list.length);
  return [...rest.slice(0, to), list[from] as T, ...rest.slice(to)];
}

/** One change of a line, with its name for the figures. */
export function editLine(line: Line, random: Random): { readonly name: string; readonly line: Line } {
  const { options } = line;
  const roll = random();
  if (roll < 0.25) return { name: 'option reordered', line: { ...line, options: moved(options, random) } };
  if (roll < 0.5) return { name: 'option added', line: { ...line, options: [...options, anyOption(random)] } };
  if (roll < 0.7 && options.length > 1) {
    const gone = Math.floor(random() * options.length);
    return { name: 'option removed', line: { ...line, options: options.filter((_, at) => at !== gone) } };
  }
  if (roll < 0.92) return { name: 'environment changed', line: withVariable(line, random) };
  if (roll < 0.96)
    return { name: 'directory of the call changed', line: { ...line, cwd: line.cwd === '' ? 'src' : '' } };
  return { name: 'response file used or not', line: { ...line, inFile: !line.inFile } };
}

/** What `args.rsp` may say. */
export function responseText(random: Random): string {
  const words = [`-DRSP=${Math.floor(random() * 4)}`];
  if (chance(random, 0.5)) words.push(`-D${pick(random, FLAGS)}=7`);
  if (chance(random, 0.3)) words.push('-MD');
  return `${words.join(' ')}\n`;
}
