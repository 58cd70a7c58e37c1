import { describe, expect, test } from 'vitest';
import type { RefusalReason } from '../base/refusal.ts';
import type { DriverMode, Family, Invocation } from './invocation.ts';
import { parseCommandLine } from './parse-command-line.ts';

/** A line written as in a shell without quoting: words split at spaces, the driver's name first. */
function meaning(line: string) {
  const [driver = '', ...args] = line.split(' ');
  const family: Family = driver.startsWith('g') ? 'gcc' : 'clang';
  const mode: DriverMode = driver.endsWith('++') ? 'c++' : 'c';
  return parseCommandLine({ family, mode, args });
}

function compile(line: string): Invocation {
  const result = meaning(line);
  if (result.kind !== 'compile') throw new Error(`${line}: ${JSON.stringify(result)}`);
  return result;
}

describe('languages', () => {
  test.each([
    ['gcc -c a.c', 'c'],
    ['g++ -c a.c', 'c++'],
    ['clang++ -c a.c', 'c++'],
    ['gcc -c a.cc', 'c++'],
    ['gcc -c a.C', 'c++'],
    ['gcc -c a.cp', 'c++'],
    ['gcc -c a.cxx', 'c++'],
    ['gcc -c a.cpp', 'c++'],
    ['gcc -c a.CPP', 'c++'],
    ['gcc -c a.c++', 'c++'],
    ['clang -c a.CXX', 'c++'],
    ['clang -c a.C++', 'c++'],
    ['clang -c a.CC', 'c++'],
    ['gcc -c a.i', 'cpp-output'],
    ['g++ -c a.i', 'c++-cpp-output'],
    ['gcc -c a.ii', 'c++-cpp-output'],
    ['gcc -c a.s', 'assembler'],
    ['gcc -c a.S', 'assembler-with-cpp'],
    ['gcc -c a.sx', 'assembler-with-cpp'],
    ['g++ -c a.S', 'assembler-with-cpp'],
    ['gcc -x c -c a.txt', 'c'],
    ['gcc -xc++ -c a.c', 'c++'],
    ['g++ -x c -c a.cc', 'c'],
    ['gcc -x c++ -x none -c a.c', 'c'],
    ['gcc -x c -c d.x/a', 'c'],
    ['gcc -x assembler-with-cpp -c a.c', 'assembler-with-cpp'],
    ['gcc -x cpp-output -c a.c', 'cpp-output'],
    // An -x after the source says nothing of it.
    ['gcc -c a.c -x c++', 'c'],
  ] as const)('%s is %s', (line, language) => {
    expect(compile(line)).toMatchObject({ language });
  });
});

describe('outputs', () => {
  test.each([
    ['gcc -c a.c', ['a.o']],
    ['gcc -c d/a.b.c', ['a.b.o']],
    ['gcc -c .hidden.c', ['.hidden.o']],
    ['gcc -x c -c name', ['name.o']],
    ['gcc -S a.c', ['a.s']],
    ['gcc -c -S a.c', ['a.s']],
    ['gcc -S -c a.c', ['a.s']],
    ['gcc -c a.c -o d/x.o', ['d/x.o']],
    ['gcc -c a.c -od/x.o', ['d/x.o']],
    ['gcc -c a.c --output=x.o', ['x.o']],
    ['gcc -c a.c --output x.o', ['x.o']],
    ['gcc --compile a.c', ['a.o']],
    ['gcc -MD -c d/a.c', ['a.o', 'a.d']],
    ['gcc -MD -c d/a.c -o o/x.o', ['o/x.o', 'o/x.d']],
    ['gcc -MMD -c a.c -o o.x/x', ['o.x/x', 'o.x/x.d']],
    ['gcc -MD -c a.c -o x.y.o', ['x.y.o', 'x.y.d']],
    ['gcc -MD -c a.c -o .o', ['.o', '.d']],
    ['gcc -MD -MF q -c a.c -o x.o', ['x.o', 'q']],
    ['gcc -MD -MFq -c a.c -o x.o', ['x.o', 'q']],
    ['gcc -MD -MF p -MF q -c a.c', ['a.o', 'q']],
    ['gcc -Wp,-MD,q -c a.c -o x.o', ['x.o', 'q']],
    ['gcc -Wp,-MMD,d/q -c a.c', ['a.o', 'd/q']],
    ['gcc -MD -c a.i', ['a.o']],
    ['gcc -MD -c a.s', ['a.o']],
    ['gcc -MD -c a.S', ['a.o', 'a.d']],
    ['gcc -MD -S a.c', ['a.s', 'a.d']],
    ['gcc -gsplit-dwarf -c d/a.c', ['a.o', 'a.dwo']],
    ['gcc -gsplit-dwarf -c a.c -o d/x.o', ['d/x.o', 'd/x.dwo']],
    ['gcc -gsplit-dwarf -c a.c -o d/.o', ['d/.o', 'd/.o.dwo']],
    ['clang -gsplit-dwarf -c a.c -o d/.o', ['d/.o', 'd/.dwo']],
    ['gcc -gsplit-dwarf -gno-split-dwarf -c a.c', ['a.o']],
    ['clang -gsplit-dwarf=single -c a.c', ['a.o']],
    ['gcc --coverage -c a.c -o d/x.o', ['d/x.o', 'd/x.gcno']],
    ['gcc -coverage -c a.c', ['a.o', 'a.gcno']],
    ['gcc -ftest-coverage -c a.c', ['a.o', 'a.gcno']],
    ['gcc -fprofile-arcs -c a.c', ['a.o']],
    ['gcc --coverage -c a.S', ['a.o']],
    ['gcc -fstack-usage -c a.c -o x.o', ['x.o', 'x.su']],
    ['gcc -fstack-usage -c a.s', ['a.o']],
    ['gcc -MD --coverage -gsplit-dwarf -fstack-usage -c a.c -o x', ['x', 'x.d', 'x.dwo', 'x.gcno', 'x.su']],
    ['gcc -c a.c -o /dev/null', ['/dev/null']],
    ['gcc -MD -MF q.d -c a.c -o /dev/null', ['/dev/null', 'q.d']],
  ] as const)('%s writes %j', (line, paths) => {
    expect(compile(line).outputs.map((output) => output.path)).toEqual(paths);
  });

  test('the roles say what each output is', () => {
    const { outputs } = compile('gcc -MD --coverage -gsplit-dwarf -fstack-usage -S a.c');
    expect(outputs.map((output) => output.role)).toEqual(['assembly', 'depfile', 'dwo', 'gcno', 'su']);
  });
});

describe('depfiles', () => {
  test.each([
    ['gcc -c a.c', { kind: 'none' }],
    ['gcc -MD -MF q -c a.i', { kind: 'none' }],
    ['gcc -MD -c a.c', { kind: 'user', path: 'a.d', systemHeaders: true }],
    ['gcc -MMD -c a.c', { kind: 'user', path: 'a.d', systemHeaders: false }],
    // Seen with gcc 12 and clang 14: -MMD wins wherever it stands.
    ['gcc -MMD -MD -c a.c', { kind: 'user', path: 'a.d', systemHeaders: false }],
    ['clang -MD -MMD -c a.c', { kind: 'user', path: 'a.d', systemHeaders: false }],
    ['gcc -Wp,-MD,q -c a.c', { kind: 'user', path: 'q', systemHeaders: true }],
    ['clang -Wp,-MMD,q -c a.c', { kind: 'user', path: 'q', systemHeaders: false }],
  ] as const)('%s', (line, depfile) => {
    expect(compile(line).depfile).toEqual(depfile);
  });
});

describe('the key', () => {
  const key = (line: string) => compile(line).keyArgs.join(' ');

  test.each([
    ['gcc -c a.c -o x.o', '-c'],
    ['gcc -O2 -c a.c -O0', '-O2 -c -O0'],
    ['gcc -I a -Ib -DX -D Y -c a.c', '-I a -Ib -DX -D Y -c'],
    ['gcc -MD -MF x.d -c a.c -o x.o -MT t', '-MD -c -MT t'],
    ['gcc -MD -MF x.d -c a.c -o x.o', '-MD -c -o x.o'],
    ['gcc -gsplit-dwarf -c a.c -o x.o', '-gsplit-dwarf -c -o x.o'],
    ['gcc --coverage -c a.c -o x.o', '--coverage -c -o x.o'],
    ['gcc -fprofile-arcs -c a.c -ox.o', '-fprofile-arcs -c -ox.o'],
    ['gcc -g -flto -c a.c -o x.o', '-g -flto -c'],
    ['gcc -fstack-usage -c a.c -o x.o', '-fstack-usage -c'],
    ['clang -MD -MF x.d -c a.s', '-MD -MF x.d -c'],
    ['gcc -x c -c a.c', '-x c -c'],
    ['gcc -frecord-gcc-switches -c a.c -o x.o', '-frecord-gcc-switches -c a.c -o x.o'],
  ])('of %s is %s', (line, expected) => {
    expect(key(line)).toBe(expected);
  });

  test('keeps the order of options', () => {
    expect(key('gcc -O0 -O2 -c a.c')).not.toBe(key('gcc -O2 -O0 -c a.c'));
  });

  test('tells -MD from -MMD', () => {
    expect(key('gcc -MD -c a.c -MT x')).not.toBe(key('gcc -MMD -c a.c -MT x'));
    expect(key('gcc -Wp,-MD,x -c a.c -MT x')).not.toBe(key('gcc -Wp,-MMD,x -c a.c -MT x'));
  });
});

describe('what it is known for', () => {
  test.each([
    ['gcc -c a.c', {}],
    ['gcc -g -c a.c', { debug: true }],
    ['gcc -g -g0 -c a.c', { debug: false }],
    ['gcc -g0 -g -c a.c', { debug: true }],
    ['gcc -ggdb3 -ggdb0 -c a.c', { debug: false }],
    ['gcc -gtoggle -g0 -c a.c', { debug: true }],
    ['gcc -gz -gcolumn-info -c a.c', { debug: false }],
    // A mere modifier, and clang 14 makes debug information for it: seen.
    ['clang -gno-inline-line-tables -c a.c', { debug: true }],
    ['gcc -gsplit-dwarf -c a.c', { debug: true }],
    ['gcc -Wa,-g -c a.c', { debug: true }],
    ['gcc -Wa,--gdwarf-5 -c a.S', { debug: true }],
    ['clang -gline-tables-only -c a.c', { debug: true }],
    ['gcc -march=native -c a.c', { nativeArch: true }],
    ['gcc -mtune=native -c a.c', { nativeArch: true }],
    ['gcc -mcpu=native -c a.c', { nativeArch: true }],
    ['gcc -march=nativeish -c a.c', { nativeArch: false }],
    ['gcc -frecord-gcc-switches -c a.c', { recordsCommandLine: true }],
    ['clang -grecord-gcc-switches -c a.c', { recordsCommandLine: true }],
    ['gcc -grecord-gcc-switches -c a.c', { recordsCommandLine: false }],
    ['gcc -c a.c', { externalAssembler: true }],
    ['gcc -S a.c', { externalAssembler: false }],
    ['clang -c a.c', { externalAssembler: false }],
    ['clang -fno-integrated-as -c a.c', { externalAssembler: true }],
    ['clang -no-integrated-as -integrated-as -c a.c', { externalAssembler: false }],
    ['clang -fno-integrated-as -flto -c a.c', { externalAssembler: false }],
    ['clang -fno-integrated-as -flto -c a.s', { externalAssembler: true }],
    ['gcc -c a.i', { preprocesses: false }],
    ['gcc -c a.S', { preprocesses: true }],
    ['gcc -c a.s', { preprocesses: false }],
    ['gcc -fdiagnostics-color=always -c a.c', { colour: 'explicit' }],
    ['gcc -fdiagnostics-color=auto -c a.c', { colour: 'auto' }],
    ['gcc -fdiagnostics-color -fdiagnostics-color=auto -c a.c', { colour: 'auto' }],
    ['gcc -fno-diagnostics-color -c a.c', { colour: 'explicit' }],
    ['clang -fcolor-diagnostics -c a.c', { colour: 'explicit' }],
    ['clang -c a.s', { colour: 'explicit' }],
    ['clang -c a.S', { colour: 'auto' }],
    ['gcc -c a.c', { columnsMatter: false }],
    ['gcc -Wno-all -w -c a.c', { columnsMatter: false }],
    ['gcc -Wall -c a.c', { columnsMatter: true }],
    ['gcc -g -c a.c', { columnsMatter: true }],
    ['gcc -fsanitize=undefined -c a.c', { columnsMatter: true }],
    ['gcc --coverage -c a.c', { columnsMatter: true }],
    ['gcc -pedantic -c a.c', { columnsMatter: true }],
  ] as const)('%s: %j', (line, facts) => {
    expect(compile(line)).toMatchObject(facts);
  });

  test('search and tool arguments keep their order and spelling', () => {
    const { searchArgs, toolArgs } = compile(
      'gcc -Ia -I b -isystem c -iquoted -idirafter e -nostdinc -DX -O2 -B f -m32 --sysroot=g --sysroot h -c a.c',
    );
    const search = '-Ia -I b -isystem c -iquoted -idirafter e -nostdinc -B f -m32 --sysroot=g --sysroot h';
    expect(searchArgs.join(' ')).toBe(search);
    expect(toolArgs.join(' ')).toBe('-B f -m32 --sysroot=g --sysroot h');
  });

  test('forced includes are in order', () => {
    const { forcedIncludes } = compile('gcc -include a.h -imacros b.h -includec.h --include=d.h --imacros e.h -c a.c');
    expect(forcedIncludes.map(({ option, name }) => `${option} ${name}`)).toEqual([
      '-include a.h',
      '-imacros b.h',
      '-include c.h',
      '-include d.h',
      '-imacros e.h',
    ]);
    expect(compile('gcc -include a.h -c a.i').forcedIncludes).toEqual([]);
  });

  test('files named by options are inputs', () => {
    const line =
      'clang -fsanitize=address -fsanitize-ignorelist=a.txt -fsanitize-blacklist=b.txt -fprofile-list=c -c a.c';
    expect(compile(line).extraInputs).toEqual(['a.txt', 'b.txt', 'c']);
  });

  test('what makes a precompiled header with gcc, and where', () => {
    const made = (line: string) => {
      const { stage, language, outputs, recordsCommandLine, externalAssembler } = compile(line);
      expect({ stage, recordsCommandLine, externalAssembler }).toEqual({
        stage: 'precompiled',
        recordsCommandLine: true,
        externalAssembler: false,
      });
      return [language, ...outputs.map(({ path }) => path)];
    };
    expect(made('gcc inc/x.h')).toEqual(['c', 'inc/x.h.gch']);
    expect(made('g++ inc/x.h')).toEqual(['c++', 'inc/x.h.gch']);
    expect(made('gcc -c inc/x.hpp -MD')).toEqual(['c++', 'inc/x.hpp.gch', 'x.d']);
    expect(made('gcc -x c-header inc/x.h -MD -o inc/x.h.gch')).toEqual(['c', 'inc/x.h.gch', 'inc/x.h.d']);
    expect(made('g++ -x c-header x.h -MMD -MF q.d')).toEqual(['c', 'x.h.gch', 'q.d']);
    const cmake = 'g++ -O2 -Winvalid-pch -x c++-header -include /b/cmake_pch.hxx -MD -MT a -MF b -o c -c /b/m.hxx.cxx';
    expect(made(cmake)).toEqual(['c++', 'c', 'b']);
    expect(compile(cmake).keyArgs).toContain('b');
  });

  test('a deep line of a large build is a compile', () => {
    const line =
      'clang++ -MMD -MF obj/a.o.d -DV8=1 -D_FORTIFY_SOURCE=2 -I../.. -Igen -isystem ../sys -fno-strict-aliasing ' +
      '--param=ssp-buffer-size=4 -fstack-protector -funwind-tables -fPIC -pthread -fcolor-diagnostics ' +
      '-fmerge-all-constants -fcrash-diagnostics-dir=../../tools -mllvm -instcombine-lower-dbg-declare=0 ' +
      '-ffp-contract=off -flto=thin -fsplit-lto-unit -fwhole-program-vtables -m64 -msse3 -Wno-builtin-macro-redefined ' +
      '-D__DATE__= -ffile-compilation-dir=. -no-canonical-prefixes -Wall -Werror -fno-omit-frame-pointer -g1 ' +
      '-gdwarf-4 -fdebug-info-for-profiling -fvisibility=hidden -Xclang -fno-pch-timestamp -O2 -fdata-sections ' +
      '-ffunction-sections -fno-unique-section-names -fno-math-errno -std=c++20 -Wno-trigraphs -gsimple-template-names ' +
      '-fno-exceptions -fno-rtti -nostdinc++ -isystem../../buildtools -fvisibility-inlines-hidden -c ../../a.cc -o obj/a.o';
    expect(compile(line)).toMatchObject({ output: 'obj/a.o', depfile: { path: 'obj/a.o.d', systemHeaders: false } });
  });

  test('after -- clang takes everything for an input', () => {
    expect(compile('clang -c -o x.o -- -odd.c')).toMatchObject({ source: '-odd.c', output: 'x.o' });
  });
});

describe('refusals', () => {
  test.each<[string, RefusalReason, string?]>([
    ['gcc a.c', 'link'],
    ['gcc a.o -o a', 'link'],
    ['gcc -shared a.o b.o -Wl,-z,now -o a.so', 'link'],
    ['gcc --weird a.o', 'link'],
    ['gcc -E a.c', 'preprocess-only'],
    ['gcc -M a.c', 'preprocess-only'],
    ['gcc -MM -c a.c', 'preprocess-only'],
    ['gcc -E -', 'preprocess-only'],
    ['gcc -E --weird a.c', 'preprocess-only'],
    ['gcc -fsyntax-only a.c', 'syntax-only'],
    ['gcc', 'no-source'],
    ['gcc -c', 'no-source'],
    ['gcc -c a.o', 'no-source', 'a.o'],
    ['gcc -c a.c b.c', 'several-sources', 'b.c'],
    ['gcc -c a.c b.o', 'several-sources', 'b.o'],
    ['gcc -x c -c -', 'stdin-source'],
    ['gcc -c a.c -o -', 'output-to-stdout'],
    ['gcc -S -o- a.c', 'output-to-stdout'],
    ['gcc -c a.c -MD -MF -', 'output-to-stdout'],
    ['gcc -c a.c -Wp,-MD,-', 'output-to-stdout'],
    ['gcc -c a.c -o x -o y', 'unsupported-option', '-o'],
    ['clang -c a.h', 'precompiled-header', 'a.h'],
    ['clang a.hpp', 'precompiled-header', 'a.hpp'],
    ['gcc -x c++-user-header -c a.c', 'precompiled-header', 'a.c'],
    ['gcc -MD a.h', 'precompiled-header', 'a.h'],
    ['gcc -S a.h', 'precompiled-header', 'a.h'],
    ['gcc a.h --coverage', 'precompiled-header', 'a.h'],
    ['gcc a.h -gsplit-dwarf', 'precompiled-header', 'a.h'],
    ['gcc a.h -flto', 'precompiled-header', 'a.h'],
    ['gcc a.h b.h', 'several-sources', 'b.h'],
    ['gcc a.h b.c', 'link'],
    ['gcc -c a.mi', 'unsupported-language', 'a.mi'],
    ['gcc -c a.mii', 'unsupported-language', 'a.mii'],
    ['gcc -c a.f90', 'unsupported-language', 'a.f90'],
    ['gcc -c a.d', 'unsupported-language', 'a.d'],
    ['gcc -c a.go', 'unsupported-language', 'a.go'],
    ['clang -c a.cu', 'unsupported-language', 'a.cu'],
    ['clang -c a.ll', 'unsupported-language', 'a.ll'],
    ['clang -c a.cppm', 'unsupported-language', 'a.cppm'],
    ['gcc -x objective-c-header -c a.c', 'precompiled-header', 'a.c'],
    ['gcc -ObjC -c a.c', 'unsupported-language', '-ObjC'],
    ['gcc -c a.CXX', 'no-source', 'a.CXX'],
    ['gcc -c a.c --weird', 'unknown-option', '--weird'],
    ['gcc -c a.c -fno-such-thing', 'unknown-option', '-fno-such-thing'],
    ['gcc -c a.c -gweird', 'unknown-option', '-gweird'],
    ['gcc -c a.c -fweird=1', 'unknown-option', '-fweird=1'],
    ['gcc -c a.c --', 'unknown-option', '--'],
    ['gcc -c @args', 'response-file', '@args'],
    ['gcc -c a.c -save-temps', 'save-temps'],
    ['gcc -c a.c -save-temps=obj', 'save-temps'],
    ['gcc -c a.c -fprofile-use=x -fprofile-prefix-path=/y', 'profile-use', '-fprofile-prefix-path=/y'],
    ['gcc -c a.c -fauto-profile', 'profile-use'],
    ['clang -c a.c -fauto-profile=x', 'profile-use'],
    ['clang -c a.c -fprofile-remapping-file=x', 'profile-use'],
    ['gcc -c a.c -fplugin=x.so', 'plugin'],
    ['gcc -c a.c -fplugin-arg-x-y', 'plugin'],
    ['clang -c a.c -fpass-plugin=x.so', 'plugin'],
    ['gcc -c a.c -specs=x', 'specs'],
    ['gcc -c a.c --specs=x', 'specs'],
    ['gcc -c a.c -mmcu=atmega328p', 'specs'],
    ['clang -c a.cc -fmodules', 'modules'],
    ['g++ -c a.cc -fmodules-ts', 'modules'],
    ['clang -c a.cc -fmodule-file=x', 'modules'],
    ['clang -c a.cc -gmodules', 'modules'],
    ['clang -c a.c -include-pch x.pch', 'precompiled-header-used'],
    ['gcc -c a.c -v', 'unsupported-option', '-v'],
    ['gcc -c a.c -H', 'unsupported-option', '-H'],
    ['gcc -c a.c -Q', 'unsupported-option', '-Q'],
    ['gcc -c a.c -MG -MD', 'unsupported-option', '-MG'],
    ['clang -c a.c -MF x', 'unsupported-option', '-MF'],
    ['gcc -c a.c -MP', 'unsupported-option', '-MP'],
    ['clang -c a.c -MQ x', 'unsupported-option', '-MT'],
    ['gcc -c a.c -I-', 'unsupported-option', '-I-'],
    ['gcc -c a.c -remap', 'unsupported-option', '-remap'],
    ['gcc -c a.c -dD', 'unsupported-option', '-dD'],
    ['gcc -c a.c -aux-info x', 'unsupported-option', '-aux-info'],
    ['gcc -c a.c -wrapper x', 'unsupported-option', '-wrapper'],
    ['gcc -c a.c -dumpbase x', 'unsupported-option', '-dumpbase'],
    ['gcc -c a.c -time', 'unsupported-option', '-time'],
    ['gcc -c a.c -fdump-tree-all', 'unsupported-option', '-fdump-tree-all'],
    ['gcc -c a.c -fcallgraph-info', 'unsupported-option', '-fcallgraph-info'],
    ['gcc -c a.c -fcompare-debug', 'unsupported-option', '-fcompare-debug'],
    ['gcc -c a.c -fsave-optimization-record', 'unsupported-option', '-fsave-optimization-record'],
    ['gcc -c a.c -fopt-info-all=x', 'unsupported-option', '-fopt-info-all=x'],
    ['gcc -c a.c -ftime-report', 'unsupported-option', '-ftime-report'],
    ['gcc -c a.c -fdiagnostics-format=sarif-file', 'unsupported-option', '-fdiagnostics-format=sarif-file'],
    ['gcc -c a.c -finput-charset=utf-16', 'unsupported-option', '-finput-charset=utf-16'],
    ['gcc -c a.c -traditional-cpp', 'unsupported-option', '-traditional-cpp'],
    ['gcc -c a.c -foffload=nvptx-none', 'unsupported-option', '-foffload=nvptx-none'],
    ['gcc -c a.c -arch x86_64', 'unsupported-option', '-arch'],
    ['gcc -c a.c -iframework x', 'unknown-option', '-iframework'],
    ['clang -c a.c -iframework x', 'unsupported-option', '-iframework'],
    ['clang -c a.c -ftime-trace', 'unsupported-option', '-ftime-trace'],
    ['clang -c a.c -MJ x', 'unsupported-option', '-MJ'],
    ['clang -c a.c -emit-llvm', 'unsupported-option', '-emit-llvm'],
    ['clang -c a.c --serialize-diagnostics x', 'unsupported-option', '--serialize-diagnostics'],
    ['clang -c a.c -mllvm -stats', 'unsupported-option', '-mllvm -stats'],
    ['clang -c a.c -Xclang -load -Xclang x.so', 'unsupported-option', '-Xclang -load'],
    ['clang -c a.c -Xclang -mllvm -Xclang -stats', 'unsupported-option', '-Xclang -stats'],
    ['clang -c a.c -fbasic-block-sections=list=x', 'unsupported-option', '-fbasic-block-sections=list=x'],
    ['clang -c a.c -module-dependency-dir x', 'modules', '-module-dependency-dir'],
    ['gcc -c a.c -Wa,-al', 'unsupported-option', '-Wa,-al'],
    ['gcc -c a.c -Wa,-ahls=x.lst', 'unsupported-option', '-Wa,-ahls=x.lst'],
    ['gcc -c a.c -Wa,--MD,x', 'unsupported-option', '-Wa,--MD'],
    ['gcc -c a.c -Wa,-o,x', 'unsupported-option', '-Wa,-o'],
    ['gcc -c a.c -Xassembler --MD -Xassembler x', 'unsupported-option', '-Wa,--MD'],
    ['gcc -c a.c -Wp,-MT,x', 'unsupported-option', '-Wp,-MT,x'],
    ['gcc -c a.c -Wp,-dD', 'unsupported-option', '-Wp,-dD'],
    ['gcc -c a.c -Wp,-MD,x -MD', 'unsupported-option', '-Wp,-MD'],
    ['gcc -c a.c -Wp,-MD,x -MF y', 'unsupported-option', '-Wp,-MD'],
    ['gcc -c a.c -Xpreprocessor -MD', 'unsupported-option', '-Xpreprocessor -MD'],
    ['gcc -S a.s', 'unsupported-option', '-S'],
    ['gcc -S a.S', 'unsupported-option', '-S'],
    ['gcc -c a.c -I', 'unsupported-option', '-I'],
    ['gcc -c a.c -MD -o /dev/null', 'special-output', '/dev/null'],
    ['gcc -c a.c --coverage -o /dev/null', 'special-output', '/dev/null'],
  ])('%s: %s %s', (line, reason, detail) => {
    expect(meaning(line)).toMatchObject({ kind: 'refused', reason, ...(detail === undefined ? {} : { detail }) });
  });

  test.each([
    'gcc --version',
    'gcc -v',
    'gcc -v -m32',
    'gcc -dumpmachine',
    'gcc -dumpversion',
    'gcc -dumpfullversion',
    'gcc -print-search-dirs',
    'gcc -print-prog-name=as',
    'gcc -print-file-name=libc.a',
    'gcc -print-multi-os-directory',
    'clang --print-resource-dir',
    'gcc --help',
    'gcc --help=common',
    'gcc -### -c a.c',
    'gcc --version -c a.c --weird',
  ])('%s is no compile', (line) => {
    expect(meaning(line)).toEqual({ kind: 'not-a-compile' });
  });
});

/** Options separated by a comma and white space: an option may hold spaces, and commas without one. */
function list(text: string): string[] {
  return text.trim().split(/,\s+/);
}

describe('accepted', () => {
  // The floor: what ccache and sccache cache, and what cmake, meson, autotools and hand-written makefiles pass.
  test.each(
    list(`
  -D_GNU_SOURCE, -D X, -UX, -I., -I ., -isystem /x, -isystem/x, -iquote x, -idirafter x, -iprefix x,
  -iwithprefix x, -iwithprefixbefore x, -isysroot /, --sysroot=/, --sysroot /, -B x, -Bx, -nostdinc, -include x.h,
  -imacros x.h, -ansi, -std=c99, -std=gnu++17, -O, -O0, -O2, -O3, -Os, -Ofast, -Og, -Oz, -g, -g3, -ggdb,
  -gdwarf-4, -gz, -gz=zlib, -Wall, -Wextra, -Werror, -Werror=format, -Wno-unused, -Wformat=2,
  -Wp,-D_FORTIFY_SOURCE=2, -Wp,-U_FORTIFY_SOURCE,-D_FORTIFY_SOURCE=3, -Wa,--noexecstack,
  -Wa,-mbranches-within-32B-boundaries, -Wa,--compress-debug-sections, -Wa,--defsym,X=1, -Wa,-I,., -Wl,-rpath,/x,
  -Xlinker -x, -L. -lm, -l m, -pthread, -pipe, -fPIC, -fpic, -fPIE, -fno-pie, -fno-strict-aliasing,
  -fno-omit-frame-pointer, -fvisibility=hidden, -fno-exceptions, -fstack-protector-strong,
  -fstack-clash-protection, -fcf-protection, -fcf-protection=full, -fdiagnostics-color=always,
  -ffunction-sections, -fdata-sections, -fno-plt, -fopenmp, -fopenmp-simd, -flto, -flto=auto, -ffat-lto-objects,
  -fno-lto, -fuse-ld=gold, -frandom-seed=x, -ffile-prefix-map=a=b, -fdebug-prefix-map=a=b, -fmacro-prefix-map=a=b,
  -fprofile-generate, -fprofile-arcs, -fprofile-update=atomic, -fsanitize=address, -fno-sanitize=all,
  -fno-sanitize-recover=all, -march=x86-64, -mtune=generic, -m32, -m64, -mavx2, -mno-sse, -mcmodel=large,
  -mfpmath=sse, -mstackrealign, -w, -pedantic, -pedantic-errors, -pg, -p, -s, -static, -shared, -rdynamic,
  -no-pie, -pie, -undef, -trigraphs, --param ssp-buffer-size=4, --param=ssp-buffer-size=4, -Xpreprocessor -DX,
  -finput-charset=UTF-8, -fexec-charset=UTF-8, -fno-builtin-memcpy, -fno-builtin, -finline-limit=8,
  -ftemplate-depth=99, -ftemplate-depth-99, -fabi-version=2, -fmax-errors=3, -fno-common, -funsigned-char,
  -fwrapv, -ftrapv, -fno-math-errno, -ffast-math, -fno-ident, -fno-asynchronous-unwind-tables,
  -ftls-model=initial-exec, -x c, -Winvalid-pch, -MP -MD, -fno-diagnostics-color, -no-canonical-prefixes, -z now,
  -u sym, -T x.ld
`),
  )('%s', (option) => {
    for (const driver of ['gcc', 'clang'])
      expect(meaning(`${driver} ${option} -c a.c -o a.o`)).toMatchObject({ kind: 'compile' });
  });

  test.each(
    list(`
  -fno-tree-vectorize, -fipa-pta, -fgcse-las, -fanalyzer, -fdiagnostics-format=json, -fprofile-abs-path,
  -fharden-compares, -fno-var-tracking-assignments, -fmerge-debug-strings, -fdiagnostics-urls=never, -fconcepts,
  -ftrack-macro-expansion=0, -fcall-used-rbx, -ffixed-r12, -fno-delete-dead-exceptions,
  -fno-allow-store-data-races, -ftrivial-auto-var-init=zero, -fzero-call-used-regs=used-gpr,
  -gno-record-gcc-switches, -gno-as-locview-support, -gvariable-location-views=incompat5, --all-warnings,
  --define-macro=X, --include-directory=x
`),
  )('gcc %s', (option) => {
    expect(meaning(`gcc ${option} -c a.c -o a.o`)).toMatchObject({ kind: 'compile' });
  });

  test.each(
    list(`
  -target x86_64-linux-gnu, --target=x86_64-linux-gnu, --gcc-toolchain=/usr, -stdlib=libc++, -Qunused-arguments,
  -fcolor-diagnostics, -fno-color-diagnostics, -Xclang -disable-O0-optnone, -Xclang -target-feature -Xclang +avx,
  -mllvm -inline-threshold=50, -fno-integrated-as, -fdebug-compilation-dir ., -fcoverage-mapping,
  -fprofile-instr-generate, -fms-extensions, -fblocks, -fstandalone-debug, -gline-tables-only, -gembed-source,
  -Rpass=inline, -resource-dir /x, -nostdlibinc, -cxx-isystem x, -iwithsysroot x, -rtlib=compiler-rt,
  -fsanitize-coverage=trace-pc-guard, -fxray-instrument, -Wno-unknown-warning-option
`),
  )('clang %s', (option) => {
    expect(meaning(`clang ${option} -c a.c -o a.o`)).toMatchObject({ kind: 'compile' });
  });
});
