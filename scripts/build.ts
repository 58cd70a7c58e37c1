/**
 * Makes `dist/` (the program for Node), `build/hg-launcher` (the native launcher) and `build/hg-nsrun` (the worker's
 * sandbox). Does nothing when nothing changed.
 * Everything is made aside and renamed into place: a build that runs through us meanwhile finds old or new, never half.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import type { BuildOptions, Plugin } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist');
const STAMP = join(DIST, 'build-id');
/** A chunk of an older build may still be wanted by a command that runs. What a wrapped build needs is in hgbuild.js. */
const KEEP_OLD_MS = 3_600_000;

/** Programs of native/, built as hg-NAME. */
const NATIVE = ['launcher', 'nsrun'];

const MAIN = 'src/cli/hgbuild.ts';
/** What the program loads only when it is asked for, by the name of its file in dist/. */
const LAZY: Readonly<Record<string, string>> = {
  program: 'src/cli/program.ts',
  'agent-serve': 'src/cli/commands/agent-serve.ts',
  agent: 'src/agent/main.ts',
  'run-daemon': 'src/cli/daemons/run-daemon.ts',
  'yaml-reader': 'src/config/yaml-reader.ts',
};

function buildInputs(): string[] {
  const patterns = ['src/**/*.ts', 'native/*', 'bin/*', 'package.json', 'package-lock.json', 'scripts/build.ts'];
  return patterns
    .flatMap((pattern) => globSync(pattern, { cwd: ROOT }))
    .filter((path) => !path.endsWith('.test.ts'))
    .sort();
}

/** The version, and a digest of all that went in: an agent and a launcher of other sources never meet. */
function buildId(inputs: readonly string[]): string {
  const hash = createHash('sha256');
  for (const path of inputs)
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(ROOT, path)))
      .update('\0');
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  return `${version}+${hash.digest('hex').slice(0, 12)}`;
}

function isFresh(id: string): boolean {
  const made = [STAMP, join(DIST, 'hgbuild.js'), ...NATIVE.map((name) => join(ROOT, `build/hg-${name}`))];
  if (!made.every((path) => existsSync(path))) return false;
  return readFileSync(STAMP, 'utf8').trim() === id;
}

/** CommonJS packages inside an ES module bundle still call `require`. */
const REQUIRE =
  "import { createRequire as hgCreateRequire } from 'node:module';const require = hgCreateRequire(import.meta.url);";

async function bundle(id: string): Promise<void> {
  const { build } = await import('esbuild');
  // Below build/, which git does not look at: a build that is killed leaves it behind.
  const fresh = join(ROOT, `build/dist-${process.pid}`);
  const common: BuildOptions = {
    absWorkingDir: ROOT,
    outdir: fresh,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    minifySyntax: true,
    legalComments: 'none',
    define: { HG_BUILD_ID: JSON.stringify(id) },
    logLevel: 'warning',
  };
  try {
    // The way of a build in one file: each further module costs a millisecond to find and load.
    await build({ ...common, entryPoints: { hgbuild: MAIN }, plugins: [lazyModules] });
    await build({
      ...common,
      entryPoints: LAZY,
      splitting: true,
      chunkNames: 'chunks/[name]-[hash]',
      banner: { js: REQUIRE },
    });
    moveInto(fresh, DIST);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** A dynamic import of an entry of the second bundle becomes an import of that file. */
const lazyModules: Plugin = {
  name: 'lazy-modules',
  setup(build) {
    build.onResolve({ filter: /\.ts$/ }, ({ kind, path, resolveDir }) => {
      if (kind !== 'dynamic-import') return undefined;
      const file = relative(ROOT, join(resolveDir, path));
      const entry = Object.entries(LAZY).find(([, source]) => source === file);
      if (entry === undefined) throw new Error(`${file} is imported dynamically: name it in LAZY of scripts/build.ts`);
      return { path: `./${entry[0]}.js`, external: true };
    });
  },
};

/** Chunks first, entry points last: an entry never names a chunk that is not there yet. */
function moveInto(from: string, to: string): void {
  mkdirSync(join(to, 'chunks'), { recursive: true });
  const chunks = readdirSync(join(from, 'chunks'));
  for (const name of chunks) renameSync(join(from, 'chunks', name), join(to, 'chunks', name));
  for (const name of [...Object.keys(LAZY).map((entry) => `${entry}.js`), 'hgbuild.js'])
    renameSync(join(from, name), join(to, name));
  for (const name of readdirSync(join(to, 'chunks'))) {
    const path = join(to, 'chunks', name);
    if (!chunks.includes(name) && Date.now() - statSync(path).mtimeMs > KEEP_OLD_MS) rmSync(path, { force: true });
  }
}

function buildNative(name: string, id: string): void {
  const script = join(ROOT, 'bin/build-launcher.sh');
  const result = spawnSync('/bin/sh', [script, ROOT, ROOT, id, name], { stdio: 'inherit' });
  if (result.status !== 0) throw new Error(`the native ${name} could not be built: is a C compiler installed?`);
}

const id = buildId(buildInputs());
if (!isFresh(id)) {
  rmSync(STAMP, { force: true });
  await bundle(id);
  for (const name of NATIVE) buildNative(name, id);
  // Last: whoever sees this id finds everything else in place.
  writeFileSync(STAMP, `${id}\n`);
  console.log(`built ${id}`);
}
