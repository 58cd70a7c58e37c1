/** A project of CMake that precompiles its headers, with real ones: RE2 and abseil. */
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { type Bed, makeBed } from './bed/environment.ts';
import { copySource, fetchRe2 } from './bed/sources.ts';
import { need, testWith, tool } from './bed/tools.ts';
import { expectTwin, type Seen } from './bed/twin.ts';

const re2 = need(() => {
  try {
    fetchRe2();
    return undefined;
  } catch (error) {
    return `RE2 cannot be had: ${error instanceof Error ? error.message : error}`;
  }
});
let bed: Bed;
beforeEach(() => {
  bed = makeBed();
});
afterEach(() => bed.remove());

const SOURCES = ['bitstate', 'bitmap256', 'filtered_re2', 'perl_groups', 'unicode_casefold'];

/** What the compiles of the project leave, without the precompiled header, which no two runs of gcc write alike. */
const compiled = (seen: Seen): Seen => ({
  ...seen,
  tree: new Map([...seen.tree].filter(([path]) => /p\.dir\/.*\.(o|d)$/.test(path))),
});

testWith(
  [re2, tool('cmake'), tool('make'), tool('g++')],
  'a clean build with CMake takes the precompiled header and all that is compiled with it from the cache',
  async () => {
    const top = join(bed.root, 're2');
    copySource('re2', top);
    const sources = SOURCES.map((name) => `${top}/vendor/re2/re2/${name}.cc`).join(' ');
    const project = [
      'cmake_minimum_required(VERSION 3.16)\nproject(p CXX)\nset(CMAKE_CXX_STANDARD 17)',
      `add_library(p STATIC ${sources})`,
      `target_include_directories(p PRIVATE ${top}/vendor/re2 ${top}/vendor/abseil-cpp)`,
      'target_compile_options(p PRIVATE -g)',
      'target_precompile_headers(p PRIVATE <map> <string> <re2/re2.h> <absl/strings/string_view.h>)',
    ].join('\n');
    const used = 'grep -l cmake_pch.hxx.gch b/CMakeFiles/p.dir/flags.make b/CMakeFiles/p.dir/build.make';
    const script = `cmake -S . -B b > configured && cmake --build b -j2 > built && ${used}`;
    const files = { 'CMakeLists.txt': `${project}\n` };
    const seen = await expectTwin(bed, { files, script, adjust: compiled, hits: SOURCES.length + 1 });
    expect(seen.status).toBe(0);
    expect(seen.tree.size).toBe(2 * SOURCES.length + 1);
  },
  600_000,
);
