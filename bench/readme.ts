/** `make bench-readme`: writes the newest results into the README, as `make bench` does after a whole run. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readmePart, withPart } from './readme-table.ts';
import { readLatest } from './results.ts';

const README = join(import.meta.dirname, '../README.md');

writeFileSync(README, withPart(readFileSync(README, 'utf8'), readmePart(readLatest())));
