import { expect, test } from 'vitest';
import { classifyDriver, isOtherWrapper } from './driver.ts';

const GCC = { family: 'gcc', mode: 'c' };
const GXX = { family: 'gcc', mode: 'c++' };
const CLANG = { family: 'clang', mode: 'c' };
const CLANGXX = { family: 'clang', mode: 'c++' };
const C = { family: 'ambiguous', mode: 'c' };
const CXX = { family: 'ambiguous', mode: 'c++' };

test.each([
  ['gcc', GCC],
  ['g++', GXX],
  ['cc', C],
  ['c++', CXX],
  ['c89', C],
  ['c99', C],
  ['clang', CLANG],
  ['clang++', CLANGXX],
  ['gcc-12', GCC],
  ['g++-4.9', GXX],
  ['gcc-12.2.0', GCC],
  ['clang-14', CLANG],
  ['clang++-14', CLANGXX],
  ['aarch64-linux-gnu-gcc', GCC],
  ['aarch64-linux-gnu-g++-12', GXX],
  ['arm-none-eabi-gcc', GCC],
  ['x86_64-w64-mingw32-gcc', GCC],
  ['x86_64-w64-mingw32-g++-posix', GXX],
  ['x86_64-w64-mingw32-gcc-12-win32', GCC],
  ['x86_64-linux-gnu-cc', C],
  ['armv7a-linux-androideabi21-clang++', CLANGXX],
  ['avr-gcc', GCC],
  ['musl-gcc', GCC],
  ['c89-gcc', GCC],
  ['c99-gcc', GCC],
  ['/usr/bin/gcc-12', GCC],
] as const)('%s is a driver', (name, expected) => {
  expect(classifyDriver(name)).toEqual(expected);
});

test.each([
  'gcc-ar',
  'gcc-nm-12',
  'gcc-ranlib',
  'g++filt',
  'c++filt',
  'clang-cl',
  'clang-format',
  'clang-tidy-14',
  'clang-cpp-14',
  'cpp',
  'egcs',
  'gcc.sh',
  'mygcc',
  'ccache-gcc',
  'distcc',
  'ld',
  'as',
  'tcc',
  'nvcc',
  'icc',
  'constructor',
  'toString',
  '-gcc',
  'gcc-',
  '',
])('%s is no driver', (name) => {
  expect(classifyDriver(name)).toBeUndefined();
});

test.each(['ccache', 'distcc', 'icecc', 'sccache', 'hgbuild', '/usr/bin/ccache'])('%s is a wrapper', (name) => {
  expect(isOtherWrapper(name)).toBe(true);
});

test('a compiler is no wrapper', () => {
  expect(['gcc', 'clang++', 'cc'].some(isOtherWrapper)).toBe(false);
});
