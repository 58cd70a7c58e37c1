/** The frame of a bench with hosts: arguments, a bed, a LAN, and everything gone afterwards, however it ends. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Bed, makeBed } from '../../test/bed/environment.ts';
import type { Builder } from './builders.ts';
import { type Host, type HostPlan, type Lan, type Link, noHosts, openLan } from './hosts.ts';
import { closeBuilder } from './measure.ts';
import { stopServices } from './processes.ts';
import type { Series } from './series.ts';
import { lanTable, writeLanResults } from './table.ts';

export interface Asked {
  readonly runs: number;
  /** Only so many of RE2's files; undefined: all. */
  readonly files: number | undefined;
  /** Whether nothing was left out on the command line. */
  readonly whole: boolean;
  wants(name: string): boolean;
}

function readArguments(name: string): Asked {
  const number = (text: string | undefined): number | undefined => {
    if (text === undefined) return undefined;
    if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
    throw new Error(`a number is needed, "${text}" is none`);
  };
  try {
    const { values } = parseArgs({
      options: {
        runs: { type: 'string' },
        files: { type: 'string' },
        quick: { type: 'boolean' },
        only: { type: 'string', multiple: true },
      },
    });
    const files = number(values.files) ?? (values.quick === true ? 24 : undefined);
    const only = values.only;
    return {
      runs: number(values.runs) ?? (values.quick === true ? 1 : 3),
      files,
      whole: files === undefined && only === undefined,
      wants: (each) => only === undefined || only.includes(each),
    };
  } catch (error) {
    console.error(`${name}: ${(error as Error).message}`);
    console.error(`usage: node bench/${name}.ts [--runs N] [--files N] [--quick] [--only NAME]...`);
    process.exit(2);
  }
}

export interface BenchPlan {
  /** Of the program, and of its file of results. */
  readonly name: string;
  readonly hosts: readonly HostPlan[];
  readonly link: Link;
  /** Whose objects have to be the plain compiler's. */
  readonly mine: readonly Builder[];
  readonly measure: (bed: Bed, hosts: readonly Host[], asked: Asked) => Promise<Series>;
}

/** Sets `process.exitCode`: 0, every object of ours is the plain compiler's; 1, not so; 2, something is missing here. */
export async function runBench({ name, hosts, link, mine, measure }: BenchPlan): Promise<void> {
  const asked = readArguments(name);
  const lack = noHosts();
  if (lack !== undefined) {
    console.error(`${name}: ${lack}`);
    process.exitCode = 2;
    return;
  }
  // Fixed, so that redis compiles to the same bytes every time.
  const bed = makeBed({ SOURCE_DATE_EPOCH: '1700000000' });
  let lan: Lan | undefined;
  const removeAll = async (): Promise<void> => {
    await closeBuilder().catch((error) => console.error(`${name}: ${error}`));
    await stopServices();
    await lan?.end();
    rmSync(bed.root, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void removeAll().finally(() => process.kill(process.pid, signal)));
  try {
    lan = await openLan(bed.root, hosts, link);
    const series = await measure(bed, lan.hosts, asked);
    const path = join(import.meta.dirname, '../results', `${name}${asked.whole ? '' : '-partial'}.json`);
    writeLanResults(path, { link, ...series });
    console.log(`\n${lanTable(series.rows, series.absent)}\n\nwritten to ${path}`);
    process.exitCode = isGood(series, mine) ? 0 : 1;
  } catch (error) {
    console.error(`${name}: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  } finally {
    await removeAll();
  }
}

function isGood({ rows }: Series, mine: readonly Builder[]): boolean {
  const ours = rows.filter(({ builder }) => mine.some((each) => each.name === builder));
  return ours.every(({ identical: [same, all] }) => same === all && all > 0);
}
