/**
 * `make dev`: rebuilds the programs whenever their sources change, and prints how to use them with a cache and an agent
 * of their own, so that a broken build never touches yours. An agent of older sources is left alone: launchers of
 * another build find another socket.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, watch } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
/** Editors write a file in several steps; one build for all of them. */
const SETTLE_MS = 150;

function build(): void {
  const { status } = spawnSync(process.execPath, [join(ROOT, 'scripts/build.ts')], { cwd: ROOT, stdio: 'inherit' });
  console.log(`${new Date().toLocaleTimeString()} ${status === 0 ? 'ready' : 'the build failed'}`);
}

const place = join(ROOT, 'build/dev');
for (const name of ['cache', 'run']) mkdirSync(join(place, name), { recursive: true, mode: 0o700 });
build();
console.log(`\nIn another terminal:\n
  export HG_CACHE_DIR=${place}/cache HG_RUNTIME_DIR=${place}/run PATH=${ROOT}/bin:$PATH
  hgbuild -v make            # in any project
  hgbuild agent logs         # what the agent says
  make -C ${ROOT} test\n`);

let timer: NodeJS.Timeout | undefined;
for (const directory of ['src', 'native', 'bin']) {
  watch(join(ROOT, directory), { recursive: true }, (_event, file) => {
    if (file?.endsWith('.test.ts')) return;
    clearTimeout(timer);
    timer = setTimeout(build, SETTLE_MS);
  });
}
