import type { DriverMode, Family } from './invocation.ts';

/** What a driver's file name promises. `cc` and `c++` may be either family: only asking the program tells. */
export interface DriverName {
  readonly family: Family | 'ambiguous';
  readonly mode: DriverMode;
}

const DRIVERS: Readonly<Record<string, DriverName>> = {
  'c++': { family: 'ambiguous', mode: 'c++' },
  c89: { family: 'ambiguous', mode: 'c' },
  c99: { family: 'ambiguous', mode: 'c' },
  cc: { family: 'ambiguous', mode: 'c' },
  clang: { family: 'clang', mode: 'c' },
  'clang++': { family: 'clang', mode: 'c++' },
  'g++': { family: 'gcc', mode: 'c++' },
  gcc: { family: 'gcc', mode: 'c' },
};

/** Programs that stand before a compiler and are no compiler themselves. A link to one, named `gcc`, is one too. */
const WRAPPERS = new Set([
  'buildcache',
  'ccache',
  'colorgcc',
  'distcc',
  'distccd',
  'fastcache',
  'gomacc',
  'hgbuild',
  'hgbuild-launcher',
  'icecc',
  'icerun',
  'launcher',
  'pump',
  'reclient',
  'recc',
  'rewrapper',
  'sccache',
  'sccache-dist',
]);

// A version is -12, -4.9, -12.2.0, and what distributions append: -14-posix, -win32, -14.0.6.
const VERSION = /-(?:\d+(?:\.\d+)*)(?:-(?:posix|win32))?$|-(?:posix|win32)$/;
// A target has at least two parts, as in aarch64-linux-gnu or arm-none-eabi; all are words.
const TARGET_PREFIX = /^[A-Za-z0-9_.]+(?:-[A-Za-z0-9_.+]+)+-$/;

/**
 * What a program's file name says of it: plain, versioned (`gcc-12`), target-prefixed (`aarch64-linux-gnu-g++`) or
 * both. Undefined: no name of a gcc or clang driver (`clang-format`, `gcc-ar`, `c++filt`, `clang-cl`).
 */
export function classifyDriver(name: string): DriverName | undefined {
  const base = name.slice(name.lastIndexOf('/') + 1).replace(VERSION, '');
  const plain = DRIVERS[base];
  if (plain !== undefined && Object.hasOwn(DRIVERS, base)) return plain;
  const dash = base.lastIndexOf('-');
  if (dash < 0) return undefined;
  const word = base.slice(dash + 1);
  if (!Object.hasOwn(DRIVERS, word)) return undefined;
  const prefix = base.slice(0, dash + 1);
  // c89-gcc and c99-gcc are Debian's scripts around gcc: drivers by name, found to be scripts by the agent.
  if (prefix === 'c89-' || prefix === 'c99-') return DRIVERS[word];
  return TARGET_PREFIX.test(prefix) || SHORT_TARGETS.has(prefix) ? DRIVERS[word] : undefined;
}

/** Target prefixes of one word that are in use. */
const SHORT_TARGETS = new Set(['avr-', 'msp430-', 'musl-', 'riscv-', 'rx-', 'sh4-', 'x86_64-', 'aarch64-', 'arm-']);

/** Another cache, distributor or we ourselves, by file name. */
export function isOtherWrapper(name: string): boolean {
  return WRAPPERS.has(name.slice(name.lastIndexOf('/') + 1));
}
