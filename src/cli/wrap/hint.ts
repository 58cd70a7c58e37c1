import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { baseName } from './compiler-names.ts';

/**
 * Why a wrapped build may have intercepted nothing, and the remedy. `undefined` where that is as it should be: a tree
 * that is configured for the launcher and had nothing to compile.
 */
export function nothingIntercepted(command: string, args: readonly string[], cwd: string): string | undefined {
  const cache = readCMakeCache(buildDirectory(command, args, cwd));
  if (cache !== undefined) {
    if (/^CMAKE_(C|CXX)_COMPILER_LAUNCHER:[A-Z]+=.*hg(-launcher|build)/m.test(cache)) return undefined;
    return (
      'no compile went through the cache: this CMake tree calls its compiler by an absolute path; ' +
      'configure it with `hgbuild cmake ...` or -DCMAKE_C_COMPILER_LAUNCHER="$(hgbuild launcher)" (and CXX)'
    );
  }
  // Configuring compiles nothing that counts.
  if (baseName(command) === 'cmake') return undefined;
  return (
    'no compile went through the cache: nothing had to be compiled, or the build calls its compiler by an absolute ' +
    'path (then set CC="$(hgbuild launcher) /path/to/cc" when configuring; see docs/troubleshooting.md)'
  );
}

/** Where `ninja -C dir`, `make -C dir` and `cmake --build dir` build. */
function buildDirectory(command: string, args: readonly string[], cwd: string): string {
  const flag = baseName(command) === 'cmake' ? '--build' : '-C';
  const at = args.indexOf(flag);
  const joined = args.find((arg) => arg.startsWith(flag) && arg.length > flag.length);
  const given = at >= 0 ? args[at + 1] : joined?.slice(flag.length).replace(/^=/, '');
  return given === undefined ? cwd : given.startsWith('/') ? given : join(cwd, given);
}

function readCMakeCache(directory: string): string | undefined {
  try {
    return readFileSync(join(directory, 'CMakeCache.txt'), 'latin1');
  } catch {
    return undefined;
  }
}
