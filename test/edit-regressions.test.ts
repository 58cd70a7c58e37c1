/** Edits that once gave a wrong result, each by its name. The plain compiler is the oracle. */
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { controlAgent } from '../src/agent/control-client.ts';
import { type Bed, LAUNCHER, makeBed } from './bed/environment.ts';
import { findTool } from './bed/tools.ts';
import { layFiles } from './bed/twin.ts';
import { baseEnv, differencesOf, runCached, runPlain } from './fuzz/edits-compare.ts';
import type { Line } from './fuzz/edits-line.ts';
import { makeTools, type Tools } from './fuzz/edits-tree.ts';

interface Regression {
  readonly name: string;
  /** The first word; `%` is the tree. */
  readonly compiler?: string;
  readonly options: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string>>;
  readonly lay?: (root: string, tools: Tools) => void;
  /** What is done to the tree once a hit was given twice. */
  readonly edit?: (root: string, tools: Tools) => void;
  /** What is done while the compiler runs. */
  readonly meanwhile?: (root: string) => void;
}

function turn(link: string, target: string): void {
  rmSync(link, { force: true });
  symlinkSync(target, link);
}

/** Puts a file in the place of a directory; with its inode number, if the file system can be brought to give it again. */
function putFileWithInodeOf(directory: string, text: string): void {
  const { ino } = statSync(directory);
  const spares = `${directory}.spares`;
  mkdirSync(spares);
  rmSync(directory, { recursive: true });
  for (let i = 0; i < 500; i++) {
    const spare = join(spares, String(i));
    writeFileSync(spare, text);
    if (statSync(spare).ino !== ino) continue;
    renameSync(spare, directory);
    return;
  }
  writeFileSync(directory, text);
}

const asks = (name: string): string => `#if __has_include(${name})\nint yes;\n#else\nint no;\n#endif\n`;
const two = { 'one/x.h': 'int one;\n', 'two/x.h': 'int two;\n' };

const REGRESSIONS: readonly Regression[] = [
  {
    name: 'a link behind in the search list is turned to a directory before it',
    options: ['-Id0', '-isystem', 'link', '-Id2'],
    files: { 'a.c': '#include <x.h>\n', 'd0/x.h': 'char *f = __FILE__;\n', 'd1/y.h': '', 'd2/x.h': 'int second;\n' },
    lay: (root) => symlinkSync('d1', join(root, 'link')),
    edit: (root) => turn(join(root, 'link'), 'd0'),
  },
  {
    name: 'clang lists what __has_include found, and finds it elsewhere',
    compiler: 'clang',
    options: ['-Isub', '-Ilib', '-MD'],
    files: { 'a.c': '#include "sub/b.h"\n#include <x.h>\n', 'sub/b.h': asks('"x.h"'), 'lib/x.h': 'int x;\n' },
    edit: (root) => writeFileSync(join(root, 'x.h'), ''),
  },
  {
    name: 'clang, a header only asked for is shadowed',
    compiler: 'clang',
    options: ['-Ifirst', '-Ilib', '-MD'],
    files: { 'a.c': asks('<x.h>'), 'first/y.h': '', 'lib/x.h': 'int x;\n' },
    edit: (root) => writeFileSync(join(root, 'first/x.h'), ''),
  },
  {
    name: 'a directory of system headers is renamed and a link left in its place',
    options: ['-isystem', '%/a rather long directory name', '-MD'],
    files: { 'a.c': '#include <x.h>\n', 'a rather long directory name/x.h': 'char *f = __FILE__;\n' },
    edit: (root) => {
      renameSync(join(root, 'a rather long directory name'), join(root, 'e'));
      symlinkSync('e', join(root, 'a rather long directory name'));
    },
  },
  {
    name: 'a link to a directory of system headers is turned to hard links of the same headers',
    options: ['-isystem', '%/a rather long name of a link', '-MD'],
    files: { 'a.c': '#include <x.h>\n', 'one/x.h': 'char *f = __FILE__;\n' },
    lay: (root) => {
      mkdirSync(join(root, 'two'));
      execFileSync('ln', [join(root, 'one/x.h'), join(root, 'two/x.h')]);
      symlinkSync('one', join(root, 'a rather long name of a link'));
    },
    edit: (root) => turn(join(root, 'a rather long name of a link'), 'two'),
  },
  {
    name: 'the name of the compiler is a link that is turned',
    compiler: '%/bin/gcc',
    options: [],
    files: { 'a.c': 'int version = UPGRADE;\n', 'bin/none': '' },
    lay: (root, { drivers }) => symlinkSync(drivers[0] ?? '', join(root, 'bin/gcc')),
    edit: (root, { drivers }) => turn(join(root, 'bin/gcc'), drivers[1] ?? ''),
  },
  {
    name: 'PWD begins to name the directory',
    options: ['-g'],
    env: { PWD: '%/here' },
    files: { 'a.c': 'int x;\n' },
    edit: (root) => symlinkSync('.', join(root, 'here')),
  },
  {
    name: 'PWD ceases to name the directory',
    options: ['-g'],
    env: { PWD: '%/here' },
    files: { 'a.c': 'int x;\n', 'other/y.h': '' },
    lay: (root) => symlinkSync('.', join(root, 'here')),
    edit: (root) => turn(join(root, 'here'), 'other'),
  },
  {
    name: 'an assembler appears in COMPILER_PATH',
    options: [],
    env: { COMPILER_PATH: '%/tools' },
    files: { 'a.c': 'int x;\n', 'tools/none': '' },
    edit: (root, { assemblers }) => execFileSync('cp', [assemblers[0] ?? '', join(root, 'tools/as')]),
  },
  {
    name: '-MD goes from the response file and -MP stays: an error, which an added -MD would hide',
    options: ['@args.rsp', '-MP'],
    files: { 'a.c': 'int x;\n', 'args.rsp': '-MD\n' },
    edit: (root) => writeFileSync(join(root, 'args.rsp'), '-DX\n'),
  },
  {
    name: 'a link is turned while the compiler runs',
    compiler: '%/slow/gcc',
    options: ['-Ilink'],
    files: { 'a.c': '#include <x.h>\n', ...two },
    lay: (root) => symlinkSync('one', join(root, 'link')),
    meanwhile: (root) => turn(join(root, 'link'), 'two'),
  },
  {
    name: 'two directories are swapped while the compiler runs',
    compiler: '%/slow/gcc',
    options: ['-Ione'],
    files: { 'a.c': '#include <x.h>\n', ...two },
    meanwhile: (root) => {
      renameSync(join(root, 'one'), join(root, 'three'));
      renameSync(join(root, 'two'), join(root, 'one'));
    },
  },
  {
    name: 'a directory with an older header moves in before the one used, while the compiler runs',
    compiler: '%/slow/gcc',
    options: ['-Ifirst', '-Ione'],
    files: { 'a.c': '#include <x.h>\n', ...two },
    meanwhile: (root) => renameSync(join(root, 'two'), join(root, 'first')),
  },
  {
    name: 'a header that was asked for appears while the compiler runs',
    compiler: '%/slow/gcc',
    options: ['-Ione'],
    files: { 'a.c': asks('<new.h>'), ...two },
    meanwhile: (root) => writeFileSync(join(root, 'one/new.h'), ''),
  },
  {
    name: 'a header that was asked for goes while the compiler runs',
    compiler: '%/slow/gcc',
    options: ['-Ione'],
    files: { 'a.c': asks('<x.h>'), ...two },
    meanwhile: (root) => rmSync(join(root, 'one/x.h')),
  },
  {
    name: 'a directory that bears the name of a header gives way to a header with its inode number',
    // gcc looks for other names beside it, whose absence would give the change away.
    compiler: 'clang',
    options: ['-Ione', '-Itwo'],
    files: { 'a.c': '#include <x.h>\n', 'one/x.h/none': '', 'two/x.h': 'int two;\n' },
    edit: (root) => putFileWithInodeOf(join(root, 'one/x.h'), 'int one;\n'),
  },
  {
    name: 'clang, two headers that were one file under two names become two equal files',
    compiler: 'clang',
    options: ['-Idir', '-MD'],
    files: {
      'a.c': '#include <h.h>\n#include "sub/h.h"\n',
      'dir/h.h': '#include "x.h"\n',
      'dir/x.h': 'extern char *dir;\n',
      'sub/x.h': 'int sub = __LINE__;\n',
    },
    lay: (root) => {
      mkdirSync(join(root, 'sub'), { recursive: true });
      linkSync(join(root, 'dir/h.h'), join(root, 'sub/h.h'));
    },
    edit: (root) => {
      rmSync(join(root, 'sub/h.h'));
      writeFileSync(join(root, 'sub/h.h'), '#include "x.h"\n');
    },
  },
  {
    name: 'clang, two equal headers become one file under two names',
    compiler: 'clang',
    options: ['-Idir', '-MD'],
    files: {
      'a.c': '#include <h.h>\n#include "sub/h.h"\n',
      'dir/h.h': '#include "x.h"\n',
      'sub/h.h': '#include "x.h"\n',
      'dir/x.h': 'extern char *dir;\n',
      'sub/x.h': 'int sub = __LINE__;\n',
    },
    edit: (root) => {
      rmSync(join(root, 'sub/h.h'));
      linkSync(join(root, 'dir/h.h'), join(root, 'sub/h.h'));
    },
  },
  {
    name: 'clang, a newer gcc is installed, whose C++ headers it takes from then on',
    compiler: 'clang',
    options: ['-x', 'c++', '--gcc-toolchain=tc'],
    files: {
      'a.c': '#include <x.h>\n',
      'tc/lib/gcc/x86_64-linux-gnu/4.8/crtbegin.o': '',
      'tc/include/c++/4.8/x.h': 'int old;\n',
      'tc/include/c++/4.9/x.h': 'int newer;\n',
    },
    edit: (root) => layFiles(root, { 'tc/lib/gcc/x86_64-linux-gnu/4.9/crtbegin.o': '' }),
  },
  {
    name: 'clang, an assembler named after its target appears in PATH',
    compiler: 'clang',
    options: ['-fno-integrated-as'],
    env: { PATH: '%/bin:/usr/bin:/bin' },
    files: { 'a.c': 'int a;\n', 'bin/none': '' },
    edit: (root) => {
      const script = `#!/bin/sh\nexec /usr/bin/as --defsym shadowed=1 "$@"\n`;
      for (const target of ['x86_64-pc-linux-gnu', 'aarch64-unknown-linux-gnu'])
        writeFileSync(join(root, `bin/${target}-as`), script, { mode: 0o755 });
    },
  },
  {
    name: 'a header that was asked for gives way to a directory',
    options: ['-Ione'],
    files: { 'a.c': asks('<x.h>'), 'one/x.h': '' },
    edit: (root) => {
      rmSync(join(root, 'one/x.h'));
      mkdirSync(join(root, 'one/x.h'));
    },
  },
  {
    name: 'a header that was asked for goes from the directory of the objects while the compiler runs',
    compiler: '%/slow/gcc',
    options: ['-Iout'],
    files: { 'a.c': asks('<x.h>'), 'out/x.h': '' },
    meanwhile: (root) => rmSync(join(root, 'out/x.h')),
  },
];

/** Lets the compiler finish, then lingers: to the agent the compile is still running. */
const SLOW = `
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv) {
  int status;
  pid_t child = fork();
  if (child == 0) { argv[0] = "/usr/bin/gcc"; execv(argv[0], argv); _exit(127); }
  waitpid(child, &status, 0);
  for (int i = 1; i < argc; i++) if (argv[i][0] == '-' && argv[i][1] == 'c') usleep(400000);
  return status ? 1 : 0;
}
`;

let bed: Bed;
let tools: Tools;
let env: NodeJS.ProcessEnv;
let socket: string;

const rootOf = (regression: Regression): string => join(bed.work, String(REGRESSIONS.indexOf(regression)));

const lineOf = ({ compiler = 'gcc', options, env: variables = {} }: Regression): Line => ({
  compiler,
  source: 'a.c',
  options: [{ words: options }],
  env: variables,
  cwd: '',
  inFile: false,
  output: 'out/a.o',
});

beforeAll(async () => {
  bed = makeBed();
  env = baseEnv(bed.env);
  tools = makeTools(join(bed.root, 'programs'));
  writeFileSync(join(bed.root, 'slow.c'), SLOW);
  execFileSync('gcc', ['-O1', '-o', join(bed.root, 'slow'), join(bed.root, 'slow.c')]);
  for (const regression of REGRESSIONS) {
    const root = rootOf(regression);
    layFiles(root, { 'out/none': '', ...regression.files });
    regression.lay?.(root, tools);
    if (regression.meanwhile === undefined) continue;
    mkdirSync(join(root, 'slow'));
    execFileSync('cp', [join(bed.root, 'slow'), join(root, 'slow/gcc')]);
  }
  socket = execFileSync(LAUNCHER, ['--hg-socket-path'], { env, encoding: 'utf8' }).trim();
  // Stamps younger than two seconds prove nothing: what is tried here are answers that trust them.
  await new Promise((resolve) => setTimeout(resolve, 2200));
});
afterAll(() => bed.remove());

async function warm(line: Line, root: string): Promise<void> {
  for (let hits = 0, left = 20; hits < 2; left--) {
    const { answer } = await runCached(line, root, env, true);
    await controlAgent(socket, { op: 'flush' });
    hits = answer === 'hit' ? hits + 1 : 0;
    expect(left, `last answer: ${answer}`).toBeGreaterThan(0);
  }
}

async function meanwhile(line: Line, root: string, change: (root: string) => void): Promise<void> {
  // The agent learns the compiler and the directories first, as it would have in any build.
  await runCached({ ...line, env: { ...line.env, LANG: 'C.UTF-8' } }, root, env, true);
  const running = runCached(line, root, env, true);
  await new Promise((resolve) => setTimeout(resolve, 300));
  change(root);
  expect((await running).answer).toBe('local');
  await controlAgent(socket, { op: 'flush' });
}

for (const regression of REGRESSIONS) {
  test(regression.name, async ({ skip }) => {
    if (regression.compiler === 'clang' && findTool('clang') === undefined) skip('no clang on this machine');
    const root = rootOf(regression);
    const line = lineOf(regression);
    if (regression.meanwhile === undefined) await warm(line, root);
    else await meanwhile(line, root, regression.meanwhile);
    regression.edit?.(root, tools);
    for (const when of ['at once', 'again']) {
      const { shown } = await runCached(line, root, env, true);
      const found = differencesOf(await runPlain(line, root, env, true), shown);
      expect(found, when).toEqual([]);
      await controlAgent(socket, { op: 'flush' });
    }
  });
}
