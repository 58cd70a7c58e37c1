/** The frame of a bench with hosts: arguments, a bed, a LAN, and everything gone afterwards, however it ends. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Bed, makeBed } from '../../test/bed/environment.ts';
import { writeJson } from '../results.ts';
import type { Builder } from './builders.ts';
import { type Host, type HostPlan, type Lan, type Link, noHosts, openLan } from './hosts.ts';
import { closeBuilder } from './measure.ts';
import { stopServices } from './processes.ts';
import { type Absent, type LanRow, lanTable } from './table.ts';

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

export interface Shown {
  readonly rows: readonly LanRow[];
  readonly absent: readonly Absent[];
}

export interface BenchPlan {
  /** Of the program, and of its file of results. */
  readonly name: string;
  readonly hosts: readonly HostPlan[];
  readonly link: Link;
  /** Whose objects have to be the plain compiler's. */
  readonly mine: readonly Builder[];
  readonly measure: (bed: Bed, hosts: readonly Host[], asked: Asked) => Promise<Shown>;
}

export interface Hosts {
  readonly bed: Bed;
  readonly hosts: readonly Host[];
}

/** A bed and hosts in it; `atEnd` is told at once how all of it goes away again, with whatever was started there. */
export async function openHosts(
  plans: readonly HostPlan[],
  link: Link,
  atEnd: (undo: () => Promise<void>) => void,
): Promise<Hosts> {
  // Fixed, so that redis compiles to the same bytes every time.
  const bed = makeBed({ SOURCE_DATE_EPOCH: '1700000000' });
  let lan: Lan | undefined;
  atEnd(async () => {
    await closeBuilder().catch((error) => console.error(String(error)));
    await stopServices();
    await lan?.end();
    rmSync(bed.root, { recursive: true, force: true });
  });
  lan = await openLan(bed.root, plans, link);
  return { bed, hosts: lan.hosts };
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
  let removeAll = async (): Promise<void> => {};
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void removeAll().finally(() => process.kill(process.pid, signal)));
  try {
    const opened = await openHosts(hosts, link, (undo) => {
      removeAll = undo;
    });
    const { rows, absent } = await measure(opened.bed, opened.hosts, asked);
    const path = join(import.meta.dirname, '../results', `${name}${asked.whole ? '' : '-partial'}.json`);
    writeJson(path, { link, rows, absent });
    console.log(`\n${lanTable(rows, absent)}\n\nwritten to ${path}`);
    process.exitCode = isGood(rows, mine) ? 0 : 1;
  } catch (error) {
    console.error(`${name}: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  } finally {
    await removeAll();
  }
}

function isGood(rows: readonly LanRow[], mine: readonly Builder[]): boolean {
  const ours = rows.filter(({ builder }) => mine.some((each) => each.name === builder));
  return ours.every(({ identical: [same, all] }) => same === all && all > 0);
}
