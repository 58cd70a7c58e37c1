/** `make sources`: gets the real sources that the end-to-end tests build. Names may be given; all by default. */
import { fetchDebianSource, fetchRe2, type SourceName, sourcesDir } from '../test/bed/sources.ts';

const FETCH: Record<SourceName, () => string> = {
  re2: fetchRe2,
  redis: () => fetchDebianSource('redis'),
  'lua5.4': () => fetchDebianSource('lua5.4'),
};

const isSourceName = (name: string): name is SourceName => Object.hasOwn(FETCH, name);

const asked = process.argv.slice(2);
const names = asked.length === 0 ? Object.keys(FETCH) : asked;
for (const name of names) {
  if (!isSourceName(name)) {
    console.error(`no source named ${name}; known: ${Object.keys(FETCH).join(', ')} (they go to ${sourcesDir()})`);
    process.exit(2);
  }
  try {
    console.log(`${name}: ${FETCH[name]()}`);
  } catch (error) {
    console.error(`${name}: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  }
}
