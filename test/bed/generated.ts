/** A small C project that is made, not fetched: the same bytes on every machine. */
import { layFiles } from './twin.ts';

/** Files of a tenth of a second each, with headers of their own and in common; `make` compiles them all. */
export function layGenerated(directory: string, count: number): void {
  const common = Array.from(
    { length: 300 },
    (_, n) => `static inline int c${n}(int x) { return x * ${n} + c(x); }`,
  ).join('\n');
  const files: Record<string, string> = { 'common.h': `#include <stdio.h>\nint c(int);\n${common}\n` };
  for (let n = 0; n < count; n += 1) {
    files[`own${n}.h`] = `#define OWN ${n}\n`;
    files[`f${n}.c`] =
      `#include "common.h"\n#include "own${n}.h"\nint f${n}(int x) { int unused; return c${n % 300}(x) + OWN; }\n`;
  }
  const objects = Array.from({ length: count }, (_, n) => `f${n}.o`).join(' ');
  files.Makefile = `all: ${objects}\n%.o: %.c\n\t@gcc -O2 -g -Wall -MMD $(CFLAGS) -c $< -o $@\n`;
  layFiles(directory, files);
}
