import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import xxhash from 'xxhash-wasm';

/** The launcher's own XXH64 against the library the cache uses: a blob stored by one is checked by the other. */
const dir = mkdtempSync(join(tmpdir(), 'hg-xxh64-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const HARNESS = `
#include <stdio.h>
#include "${join(import.meta.dirname, '../native/xxh64.h')}"
int main(void) {
  static unsigned char data[100000];
  for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)(i * 131 + (i >> 8));
  static const size_t sizes[] = {0, 1, 3, 4, 7, 8, 31, 32, 33, 63, 64, 65, 1000, 4096, 100000};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    xxh64_state state;
    xxh64_init(&state);
    for (size_t at = 0, step = 1; at < sizes[s]; at += step, step = step * 3 + 1) {
      if (step > sizes[s] - at) step = sizes[s] - at;
      xxh64_update(&state, data + at, step);
    }
    printf("%zu %016llx %016llx\\n", sizes[s], (unsigned long long)xxh64(data, sizes[s]), (unsigned long long)xxh64_digest(&state));
  }
}
`;

test('the launcher and the library agree on XXH64, whole and in pieces', async () => {
  writeFileSync(join(dir, 'harness.c'), HARNESS);
  execFileSync('gcc', ['-O1', '-Wall', '-Werror', '-o', join(dir, 'harness'), join(dir, 'harness.c')]);
  const { h64Raw } = await xxhash();
  const data = Buffer.alloc(100_000, 0).map((_, i) => (i * 131 + (i >> 8)) & 255);
  const lines = execFileSync(join(dir, 'harness'), { encoding: 'utf8' }).trim().split('\n');
  expect(lines).toHaveLength(15);
  for (const line of lines) {
    const [size = '', whole, pieces] = line.split(' ');
    const wanted = h64Raw(data.subarray(0, Number(size)))
      .toString(16)
      .padStart(16, '0');
    expect([size, whole, pieces]).toEqual([size, wanted, wanted]);
  }
});
