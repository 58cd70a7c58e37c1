/** The small source tree under the edit fuzzer, and the compilers of its own that can be upgraded in place. */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pick, type Random } from './command-lines-generator.ts';
import { responseText } from './edits-line.ts';
import { chance, headerText, NAMES, sourceText } from './edits-texts.ts';

/** Directories that exist from the start and hold headers. */
const FILLED = ['src', 'd0', 'd1', 'd2', 'sys', 'a long directory name', 'deep/er'] as const;

/** Programs made once per run: versions of a driver, and versions of `as`. */
export interface Tools {
  readonly drivers: readonly string[];
  readonly assemblers: readonly string[];
}

/** A driver that is a program of its own: it hands everything on to gcc, with one more macro. */
const driverText = (version: number): string => `
#include <unistd.h>
#include <stdlib.h>
#include <string.h>
int main(int argc, char **argv) {
  char **args = calloc((size_t)argc + 2, sizeof *args);
  memcpy(args, argv, (size_t)argc * sizeof *args);
  args[0] = "/usr/bin/gcc";
  args[argc] = "-DUPGRADE=${version}";
  execv(args[0], args);
  return 127;
}
`;

export function makeTools(directory: string): Tools {
  mkdirSync(directory, { recursive: true });
  const drivers = [1, 2, 3].map((version) => {
    const source = join(directory, `driver${version}.c`);
    const program = join(directory, `driver${version}`);
    writeFileSync(source, driverText(version));
    execFileSync('gcc', ['-O1', '-o', program, source]);
    return program;
  });
  const assemblers = ['yes', 'no'].map((note) => {
    const program = join(directory, `as-${note}`);
    writeFileSync(program, `#!/bin/sh\nexec /usr/bin/as -mx86-used-note=${note} "$@"\n`, { mode: 0o755 });
    return program;
  });
  return { drivers, assemblers };
}

export function writeIn(root: string, path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** Puts a program in place of another, by writing into it or by a new file. */
export function installProgram(from: string, to: string, inPlace: boolean): void {
  mkdirSync(dirname(to), { recursive: true });
  try {
    if (!inPlace) rmSync(to, { force: true });
    copyFileSync(from, to);
  } catch {
    // A program that runs cannot be written into.
    rmSync(to, { force: true });
    copyFileSync(from, to);
  }
  chmodSync(to, 0o755);
}

/** Fills an empty directory. */
export function makeTree(root: string, tools: Tools, random: Random): void {
  for (const directory of FILLED)
    for (const name of NAMES)
      if (directory === 'd0' ? name !== 'opt.h' : chance(random, 0.35))
        writeIn(root, `${directory}/${name}`, headerText(name, random));
  for (const source of ['src/main.c', 'src/main.cc']) writeIn(root, source, sourceText(random));
  for (const directory of FILLED) mkdirSync(join(root, directory), { recursive: true });
  mkdirSync(join(root, 'out'));
  writeIn(root, 'args.rsp', responseText(random));
  writeIn(root, 'data.bin', 'abc');
  writeIn(root, 'src/data.bin', 'abd');
  symlinkSync(pick(random, ['d1', 'd2']), join(root, 'l0'));
  symlinkSync('sys', join(root, 'lsys'));
  installProgram(pick(random, tools.drivers), join(root, 'tools/gcc'), false);
  mkdirSync(join(root, 'tools/linked'));
  symlinkSync(pick(random, tools.drivers), join(root, 'tools/linked/gcc'));
}
