import { buildSync } from 'esbuild';

/** Bundles a helper program into one file: started a hundred times, stripping types would be most of its work. */
export function bundled(program: string, directory: string): string {
  const outfile = `${directory}/${program.replace(/\.ts$/, '.mjs')}`;
  const entry = new URL(program, import.meta.url).pathname;
  buildSync({ entryPoints: [entry], bundle: true, platform: 'node', format: 'esm', target: 'node24', outfile });
  return outfile;
}
