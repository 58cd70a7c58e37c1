import type { Family } from '../../src/compiler/invocation.ts';
import type { OptionRow } from '../../src/compiler/option-table.ts';
import { OPTION_TABLES } from '../../src/compiler/option-tables.ts';

/** Numbers in [0, 1) from a seed: mulberry32, small and good enough to vary test inputs. */
export type Random = () => number;

export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random() * list.length)] as T;
}

/** A generated call; `twin` is the same with other names for the outputs (-o, -MF). Native strings. */
export interface GeneratedLine {
  readonly compiler: 'gcc' | 'g++' | 'clang' | 'clang++';
  readonly args: readonly string[];
  readonly twin: readonly string[];
}

/** One piece of a line: its arguments, and those of the twin where they differ. */
interface Piece {
  readonly args: readonly string[];
  readonly twin?: readonly string[];
}

const SOURCES = ['main.c', 'main.c', 'main.c', 'main.cc', 'main.cc', 'asm.S', 'plain.s', 'pre.i', 'pre.ii'];
const ODD_SOURCES = ['dir.x/a b.c', 'dir.x/y.z.cpp', '.hidden.c', 'noextension', 'ü.c', './main.c', 'out/../main.c'];

const OUTPUTS = [
  'x.o',
  'out/x.o',
  'out/x',
  'out.d/x',
  'x.y.o',
  '.o',
  'out/.o',
  'out/.x.o',
  'x.',
  './x.o',
  'out/a b.o',
  'ü.o',
];
const TWIN_OUTPUTS = ['z.o', 'out/z.o', 'out/z', 'out.d/z', 'z.y.o', 'z', 'out/long name.o'];

function outputPieces(random: Random): Piece[] {
  const a = pick(random, OUTPUTS);
  const b = pick(random, TWIN_OUTPUTS);
  const spelled = (name: string) =>
    pick(random, [['-o', name], [`-o${name}`], ['--output', name], [`--output=${name}`]]);
  return random() < 0.75 ? [{ args: spelled(a), twin: spelled(b) }] : [];
}

function depfilePieces(random: Random): Piece[] {
  if (random() < 0.4) return [];
  if (random() < 0.15) {
    const how = pick(random, ['-MD', '-MMD']);
    return [{ args: [`-Wp,${how},out/p.d`], twin: [`-Wp,${how},out/q.d`] }];
  }
  const pieces: Piece[] = [{ args: [pick(random, ['-MD', '-MMD'])] }];
  if (random() < 0.2) pieces.push({ args: [pick(random, ['-MD', '-MMD'])] });
  const path = pick(random, ['dep.d', 'out/dep.d', 'out/de p.dep']);
  if (random() < 0.5)
    pieces.push(
      pick(random, [
        { args: ['-MF', path], twin: ['-MF', 't.d'] },
        { args: [`-MF${path}`], twin: ['-MFt.d'] },
      ]),
    );
  if (random() < 0.4)
    pieces.push({ args: pick(random, [['-MT', 'tgt'], ['-MQ', 'a b$c'], ['-MTx'], ['-MQy', '-MT', 'z']]) });
  if (random() < 0.3) pieces.push({ args: ['-MP'] });
  return pieces;
}

/** Options separated by a comma and white space: an option may hold spaces, and commas without one. */
function list(text: string): readonly string[] {
  return text.trim().split(/,\s+/);
}

/** Options that interact with each other and with names; each as the arguments it takes. */
const INTERACTING: readonly string[] = list(`
  -g, -g0, -g1, -g3, -ggdb, -ggdb0, -gdwarf-4, -gdwarf-5, -gsplit-dwarf, -gno-split-dwarf, -gz, -gtoggle,
  -gstrict-dwarf, -gcolumn-info, -gline-tables-only, -gsplit-dwarf=single, -gsplit-dwarf=split, -gpubnames,
  -ggnu-pubnames, -grecord-gcc-switches, -gno-record-gcc-switches, -gembed-source, --coverage, -coverage,
  -ftest-coverage, -fprofile-arcs, -fno-test-coverage, -fno-profile-arcs, -fprofile-generate,
  -fprofile-generate=prof, -fprofile-dir=out, -fprofile-abs-path, -fprofile-update=atomic,
  -fprofile-instr-generate, -fprofile-instr-generate=x.raw, -fcoverage-mapping, -fstack-usage, -fno-stack-usage,
  -flto, -flto=thin, -flto=auto, -ffat-lto-objects, -fno-lto, -frandom-seed=7, -frecord-gcc-switches,
  -frecord-command-line, -grecord-command-line, -fverbose-asm, -fembed-bitcode, -fno-integrated-as,
  -fintegrated-as, -no-integrated-as, -pipe, -fsanitize=undefined, -fsanitize=address,
  -fsanitize-coverage=trace-pc, -fsanitize-ignorelist=list.txt, -fsanitize-blacklist=list.txt,
  -fsanitize=address,undefined, -O0, -O2, -Os, -Ofast, -Og, -Wall, -Wextra, -w, -Wno-all, -pedantic, -Werror,
  -fopenmp, -fopenacc, -pthread, -pg, -p, -c, -S, -march=native, -mtune=native, -march=haswell, -m64, -m32,
  -mavx2, -fPIC, -fpie, -fno-pic, -static, -shared, -fcommon, -ffunction-sections, -fdata-sections,
  -fdebug-types-section, -fvisibility=hidden, -finstrument-functions, -fdebug-prefix-map=a=b,
  -ffile-prefix-map=/=/x, -fmacro-prefix-map=inc=xx, -fdebug-compilation-dir=/x, -fdiagnostics-color,
  -fdiagnostics-color=always, -fdiagnostics-color=auto, -fdiagnostics-color=never, -fno-diagnostics-color,
  -fcolor-diagnostics, -fno-color-diagnostics, -fdiagnostics-format=json, -Wa,--noexecstack, -Wa,-g,
  -Wa,--gdwarf-5, -Wa,--fatal-warnings,--warn, -Wa,-mrelax-relocations=no, -Wa,-al, -Wa,--MD,x.d, -Wp,-DQ=1,
  -Wp,-DQ,-UQ, -Wp,-MT,x, -Wl,-O1, -Wl,-Map,x.map, -lm, -L., -D_GNU_SOURCE, -DX=1, -UX, -I., -Iinc, -Isys,
  -iquoteinc, -isysteminc, -idirafterinc, -I-, -nostdinc, -nostdinc++, -includeforced.h, -imacrosmacros.h,
  -std=c11, -std=gnu11, -std=c++17, -ansi, -xc, -xc++, -xassembler, -xnone, -fsyntax-only, -E, -M, -v, -P, -C,
  -dA, -H, -save-temps, -save-temps=obj, -ftime-trace, -ftime-report, -fsave-optimization-record,
  -fcallgraph-info, -fdump-tree-all, -fprofile-use, -fmodules, -emit-llvm, -MG, -MP, -Qunused-arguments,
  -fanalyzer, -fstack-protector-strong, -fno-dwarf2-cfi-asm, -gas-loc-support, -gno-as-loc-support, -fexceptions,
  -fno-exceptions, -fno-rtti, -fwhole-program, -fuse-ld=gold, -fno-working-directory, -fworking-directory,
  -finput-charset=utf-8, -fexec-charset=latin1, -undef, -trigraphs, -fno-ident, -Qn, -fxray-instrument,
  -fcf-protection=none, -fcompare-debug, -wrapper, -###, --version, -print-search-dirs
`);

const INTERACTING_PAIRS: readonly (readonly string[])[] = list(`
  -I inc, -isystem sys, -isystem inc, -iquote inc, -idirafter sys, -iprefix in, -iprefix ./ -iwithprefix inc,
  -iprefix ./ -iwithprefixbefore sys, -include forced.h, -imacros macros.h, -D Y, -U Y, -x c, -x c++,
  -x assembler-with-cpp, -x assembler, -x cpp-output, -x none, -x c-header, -Xclang -fno-pch-timestamp,
  -Xassembler --noexecstack, -Xpreprocessor -DZ, -Xpreprocessor -MD, -Xlinker -x,
  --param max-inline-insns-single=9, -L out, -u sym, -z now, -T notes.txt, -aux-info x.aux, -dumpbase q,
  -dumpdir out/, -MJ x.json, -mllvm -inline-threshold=9, -mllvm -stats, -target x86_64-linux-gnu, -B out,
  --sysroot /, --serialize-diagnostics x.dia, -A q(a), -isysroot /, -Xclang -target-feature -Xclang +avx
`).map((pair) => pair.split(' '));

function interacting(random: Random): Piece {
  return { args: random() < 0.75 ? [pick(random, INTERACTING)] : pick(random, INTERACTING_PAIRS) };
}

const VALUES = ['', ...list('1, 0, 2, x, fast, off, all, inc, list.txt, new.txt, out/new, a=b, main, auto')];

/** Any row of the tables, with a value that may or may not make sense. */
function fromTable(random: Random, family: Family): Piece {
  const rows = [...OPTION_TABLES[family].rows.values()];
  return { args: spellRow(pick(random, rows), pick(random, VALUES)) };
}

function spellRow([name, arity]: OptionRow, value: string): string[] {
  if (arity === 'flag') return [name];
  return arity === 'separate' ? [name, value] : [name + value];
}

/** A random line: a source, perhaps an output and a depfile, and up to eight options, in random order. */
export function generateLine(random: Random): GeneratedLine {
  const compiler = pick(random, ['gcc', 'g++', 'clang', 'clang++'] as const);
  const family = compiler.startsWith('g') ? 'gcc' : 'clang';
  const source = random() < 0.8 ? pick(random, SOURCES) : pick(random, ODD_SOURCES);
  const pieces: Piece[] = [
    { args: ['-c'] },
    { args: ['-I', 'inc'] },
    ...outputPieces(random),
    ...depfilePieces(random),
  ];
  for (let count = Math.floor(random() * 8); count > 0; count--) {
    pieces.push(random() < 0.8 ? interacting(random) : fromTable(random, family));
  }
  shuffle(random, pieces);
  pieces.splice(Math.floor(random() * (pieces.length + 1)), 0, { args: [source] });
  return {
    compiler,
    args: pieces.flatMap((piece) => piece.args),
    twin: pieces.flatMap((piece) => piece.twin ?? piece.args),
  };
}

function shuffle<T>(random: Random, list: T[]): void {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [list[i], list[j]] = [list[j] as T, list[i] as T];
  }
}

/** Every option of a family's table that is not refused, alone on a line, with several values where it takes one. */
export function* everyOption(family: Family): Generator<GeneratedLine> {
  for (const row of OPTION_TABLES[family].rows.values()) {
    if (typeof row[2] === 'object') continue;
    for (const value of row[1] === 'flag' ? [''] : list('1, x, list.txt, all, none, fast')) {
      const line = (output: string) => ['-c', 'main.c', '-Iinc', '-o', output, ...spellRow(row, value)];
      yield { compiler: family, args: line('x.o'), twin: line('z.o') };
    }
  }
}
