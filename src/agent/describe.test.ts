import { expect, test } from 'vitest';
import { compilerCall } from './describe.ts';

test.each([
  ['gcc', 'COLLECT_GCC=gcc\nTarget: x\n /usr/lib/cc1 -E "-march=znver3"\nCOLLECT_GCC_OPTIONS=\n'],
  ['clang', 'Debian clang\nTarget: x\n (in-process)\n "/usr/bin/clang" "-cc1" "-target-cpu" "znver3"\n'],
])('the line in which %s calls the compiler proper names the processor', (_, said) => {
  expect(compilerCall(said)).toContain('znver3');
});
