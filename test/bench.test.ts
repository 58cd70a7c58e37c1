/** What `make bench` makes of what it measures, and that no section takes the others with it. No seconds are judged. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BAR_IDS, barOf, barsOf, SECTIONS } from '../bench/bars.ts';
import { type Measured, medians, type Pair, speedUpOf, totals } from '../bench/figures.ts';
import type { Builder } from '../bench/lan/builders.ts';
import { outcomeOf } from '../bench/lan/found.ts';
import type { Series, Take } from '../bench/lan/series.ts';
import { BEGIN, END, partOf, readmePart, withPart } from '../bench/readme-table.ts';
import { markdownOf, notesOf, tableOf } from '../bench/report.ts';
import { type Results, readLatest, writeResults } from '../bench/results.ts';
import { isGood, type Outcome, rowOf, rowsOf } from '../bench/rows.ts';
import { runSection, type SectionEnd } from '../bench/run-section.ts';
import { canHave } from '../bench/stage.ts';
import { mendDevNull } from '../bench/sweep.ts';
import { networks } from './bed/faults.ts';
import { processNow } from './bed/processes.ts';
import { root } from './bed/tools.ts';

const ROOT = join(import.meta.dirname, '..');
const SAME = { identical: [2, 2] } as const;
const pairs = (...ratios: number[]): Pair[] => ratios.map((ratio) => ({ ours: ratio * 10, peer: 10 }));

let scratch = '';
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'hgbt-'));
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

describe('figures', () => {
  test('the median of paired ratios, and what single pairs were', () => {
    expect(medians(pairs(0.3, 0.1, 0.2), SAME)).toMatchObject({
      ours: 2,
      peer: 10,
      ratio: 0.2,
      spread: [0.1, 0.3],
      spreadIs: 'least and most',
      runs: 3,
    });
    const nine = medians(pairs(1, 2, 3, 4, 5, 6, 7, 8, 900), SAME);
    expect(nine).toMatchObject({ ratio: 5, spread: [3, 7], spreadIs: 'quartiles', runs: 9 });
    expect(medians(pairs(0.5, 0.5), SAME, speedUpOf).ratio).toBe(2);
  });

  test('totals count what belongs to no single piece', () => {
    expect(totals(pairs(1, 1), SAME, 1)).toMatchObject({ ours: 21, peer: 20, ratio: 1.05, spread: [1, 1] });
  });

  test('nothing measured is no figure', () => {
    expect(() => medians([], SAME)).toThrow(/nothing was measured/);
  });
});

const measured = (ratio: number, more: Partial<Measured> = {}): Measured => ({
  ...medians(pairs(ratio), SAME),
  ...more,
});

describe('verdicts', () => {
  test.each([
    ['many-headers wall', 0.35, 'met', 0],
    ['many-headers wall', 0.36, 'missed', -0.0286],
    ['two redis', 1.75, 'met', 0],
    ['two redis', 1.74, 'missed', -0.0057],
    ['two redis', 3.5, 'met', 1],
    ['lan bytes', 1, 'missed', 0],
    ['lan bytes', 0.75, 'met', 0.25],
    ['one-line cpu', 9, 'info', null],
  ] as const)('%s at %d: %s', (id, ratio, verdict, margin) => {
    expect(rowOf(id, measured(ratio))).toMatchObject({ verdict, margin });
  });

  test('an output that differs is worse than any figure is good, and so is none at all', () => {
    expect(rowOf('one-line cpu', measured(0.1, { identical: [1, 2] })).verdict).toBe('different');
    expect(rowOf('many-headers wall', measured(0.1, { identical: [0, 0] })).verdict).toBe('different');
    expect(rowOf('makespan', measured(1.05, { identical: null })).verdict).toBe('met');
  });

  test('what could not be had is no fault, what failed is; a row that nobody found is there and failed', () => {
    const absent = rowOf('client pump', { kind: 'absent', why: 'no pump' });
    expect(isGood([absent, rowOf('makespan', measured(1))])).toBe(true);
    expect(isGood([rowOf('client pump', { kind: 'failed', why: 'it crashed' })])).toBe(false);
    const found = new Map([['client pump', absent.outcome] as const]);
    const rows = rowsOf(['client-cpu'], found, () => ({ kind: 'failed', why: 'the section hung' }));
    expect(rows.map(({ id, verdict }) => [id, verdict])).toEqual([
      ['client distcc', 'failed'],
      ['client pump', 'absent'],
    ]);
  });

  test('what cannot be fetched is not to be had, in every row that needs it', () => {
    const said: string[] = [];
    const stage = { found: (id: string, { kind }: Outcome) => void said.push(`${id}: ${kind}`) };
    expect(canHave(stage, barsOf('redis'), () => 'there')).toBe(true);
    expect(said).toEqual([]);
    const fails = (): never => {
      throw new Error('no network');
    };
    expect(canHave(stage, barsOf('one-line'), fails)).toBe(false);
    expect(said).toEqual(['one-line wall: absent', 'one-line cpu: absent']);
  });

  test('every section has rows', () => {
    expect(SECTIONS.filter((name) => barsOf(name).length === 0)).toEqual([]);
    expect(SECTIONS.flatMap(barsOf)).toEqual(BAR_IDS);
    for (const id of BAR_IDS) expect(barOf(id).sense === 'info' || barOf(id).limit > 0, id).toBe(true);
  });
});

describe('a series of builds', () => {
  const builder = (name: string, lack?: string): Builder => ({
    name,
    note: '',
    lacking: () => lack,
    open: () => Promise.reject(new Error('not opened here')),
  });
  const take = (run: number, by: string, wallMs: number, same = 2): Take => ({
    run,
    build: 'b',
    builder: by,
    wallMs,
    plainWallMs: 1,
    sent: 1,
    received: 1,
    clientCpuMs: 1,
    helperCpuMs: 1,
    identical: [same, 2],
  });
  const [mine, other] = [builder('mine'), builder('other')];
  const asked = { build: 'b', ours: mine, figure: ({ wallMs }: Take) => wallMs };
  const takes = [
    take(0, 'mine', 10),
    take(0, 'other', 20),
    take(1, 'mine', 30),
    take(1, 'other', 30),
    take(2, 'mine', 1),
  ];
  const series: Series = { rows: [], absent: [], takes };

  test('pairs are of the same run; objects of all runs count', () => {
    expect(outcomeOf(series, { ...asked, peer: other })).toMatchObject({
      runs: 2,
      spread: [0.5, 1],
      identical: [6, 6],
    });
    const bad = { ...series, takes: [...takes, take(3, 'mine', 1, 1)] };
    expect(outcomeOf(bad, { ...asked, peer: other })).toMatchObject({ identical: [7, 8] });
  });

  test('a peer that is not installed is absent, one that broke failed, also after it had built', () => {
    const lacks = builder('lacks', 'lacks is not installed');
    expect(outcomeOf(series, { ...asked, peer: lacks })).toEqual({ kind: 'absent', why: 'lacks is not installed' });
    const broken = { ...series, absent: [{ builder: 'other', why: 'it crashed' }] };
    expect(outcomeOf(broken, { ...asked, peer: other })).toEqual({ kind: 'failed', why: 'it crashed' });
  });
});

const RESULTS: Results = {
  date: '2026-01-02T03:04:05Z',
  minutes: 40.2,
  machine: { cpu: 'a CPU', cores: 2, memoryGiB: 8, kernel: '6.1', system: 'Debian' },
  versions: { gcc: 'gcc (Debian) 12.2.0', node: 'v24' },
  rows: [
    rowOf('many-headers wall', measured(0.25, { beside: [{ who: 'sccache', value: 54 }] })),
    rowOf('two redis', measured(1.5)),
    rowOf('client pump', { kind: 'absent', why: 'distcc-pump is not installed\nand more' }),
  ],
};

describe('tables', () => {
  test('say what was met, what was missed and by how much, and what could not be had', () => {
    for (const table of [tableOf(RESULTS.rows), markdownOf(RESULTS.rows)]) {
      expect(table).toMatch(/250-header.*0\.250x.*MET, 29 % to spare/);
      expect(table).toMatch(/sccache 54\.0 ms/);
      expect(table).toMatch(/two hosts.*1\.500x.*MISSED by 14 %/);
      expect(table).toMatch(/distcc-pump's second pass.*could not be had.*distcc-pump is not installed/);
      expect(table).not.toContain('and more');
    }
    expect(notesOf(RESULTS.rows)).toMatch(/^client CPU .*: distcc-pump is not installed\nand more$/);
  });

  test('a whole run is kept under its date and as the latest; a partial one is not', () => {
    writeResults({ ...RESULTS, minutes: 1 }, false, scratch);
    expect(readLatest(scratch)).toBeUndefined();
    writeResults(RESULTS, true, scratch);
    expect(readdirSync(scratch).sort()).toEqual(['2026-01-02.json', 'latest.json', 'partial.json']);
    expect(readLatest(scratch)).toEqual(RESULTS);
  });

  test('only what stands between the marks of the README is written', () => {
    const readme = `before\n${BEGIN}\nold\n${END}\nafter\n`;
    expect(withPart(readme, 'new')).toBe(`before\n${BEGIN}\nnew\n${END}\nafter\n`);
    expect(partOf(withPart(readme, readmePart(RESULTS)))).toBe(readmePart(RESULTS));
    expect(() => withPart('no marks', 'new')).toThrow(/lacks the lines/);
  });

  test("the README's table is what the newest results say (if not: make bench-readme)", () => {
    expect(partOf(readFileSync(join(ROOT, 'README.md'), 'utf8'))).toBe(readmePart(readLatest()));
  });
});

/** Where no control group can be made, a daemon that hides its origin cannot be found. */
const openCpuAccountWorks = (): boolean =>
  ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].some((each) => existsSync(join(each, 'cgroup.controllers')));

describe('a section', () => {
  const start = (script: string, more: object = {}): Promise<SectionEnd> =>
    runSection({
      name: 'one',
      argv: [process.execPath, '-e', script],
      options: ['x'],
      limitMs: 60_000,
      say: () => {},
      below: scratch,
      ...more,
    });
  const FINDS = `const { appendFileSync } = require('node:fs'); const [, file, option] = process.argv;
    appendFileSync(file, JSON.stringify({ id: 'makespan', outcome: { kind: 'absent', why: option } }) + '\\n');`;

  test('that fails keeps what it found, says why, and does not throw', async () => {
    const { found, trouble } = await start(`${FINDS} console.error('the peer is gone'); process.exit(3)`);
    expect([...found]).toEqual([['makespan', { kind: 'absent', why: 'x' }]]);
    expect(trouble).toBe('status 3: the peer is gone');
    expect(await start(FINDS)).toEqual({ found });
    expect((await start('', { argv: ['/no/such/program'] })).trouble).toMatch(/ENOENT/);
    expect(readdirSync(scratch)).toEqual([]);
  });

  test('that hangs and does not want to end is ended with all it started, and its files are gone', async () => {
    const note = join(scratch, 'note');
    const hangs = `process.on('SIGTERM', () => {});
      const child = require('node:child_process').spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
      require('node:fs').writeFileSync(${JSON.stringify(note)}, child.pid + ' ' + process.env.TMPDIR);
      setInterval(() => {}, 1000);`;
    const left: string[] = [];
    const end = await start(`${FINDS} ${hangs}`, {
      limitMs: 1500,
      graceMs: 200,
      say: (text: string) => left.push(text),
    });
    expect(end.trouble).toMatch(/no end after/);
    expect(end.found.size).toBe(1);
    const [pid, directory] = readFileSync(note, 'utf8').split(' ') as [string, string];
    expect(processNow(Number(pid))?.state ?? 'Z').toBe('Z');
    expect(existsSync(directory)).toBe(false);
    expect(left.join()).toContain(pid);
  });

  const cannot = root.missing() ?? networks.missing();
  test.skipIf(cannot !== undefined)(
    `leaves no host behind${cannot === undefined ? '' : ` (skipped: ${cannot})`}`,
    async () => {
      const note = join(scratch, 'note');
      const hosts = JSON.stringify(join(ROOT, 'bench/lan/hosts.ts'));
      // Killed with a host, a daemon of it and its control group; the daemon has forgotten where it comes from.
      const dies = `import(${hosts}).then(async ({ openLan }) => {
      const lan = await openLan(process.env.TMPDIR, [{ name: 'a' }, { name: 'b' }], { kind: 'direct' });
      const [enter, ...words] = [...lan.hosts[0].on, 'env', '-i', 'sleep', '600'];
      const child = require('node:child_process').spawn(enter, words, { detached: true, stdio: 'ignore' });
      const { readFileSync, writeFileSync } = require('node:fs');
      const isThere = () => readFileSync('/proc/' + child.pid + '/comm', 'latin1').startsWith('sleep');
      while (!isThere()) await new Promise((resolve) => setTimeout(resolve, 5));
      writeFileSync(${JSON.stringify(note)}, process.pid + ' ' + child.pid);
      process.kill(process.pid, 'SIGKILL');
    });`;
      expect((await start(dies)).trouble).toBe('SIGKILL');
      const [section, daemon] = readFileSync(note, 'utf8').split(' ') as [string, string];
      expect(existsSync(`/run/netns/hg${section}-a`)).toBe(false);
      for (const groups of ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'])
        expect(existsSync(join(groups, `hg${section}-a`))).toBe(false);
      if (openCpuAccountWorks()) expect(processNow(Number(daemon))?.state ?? 'Z').toBe('Z');
      else process.kill(Number(daemon), 'SIGKILL');
    },
  );

  test.skipIf(root.missing() !== undefined)('leaves /dev/null a device', () => {
    const path = join(scratch, 'null');
    writeFileSync(path, 'a cache was here');
    expect(mendDevNull(path)).toHaveLength(1);
    expect(statSync(path).isCharacterDevice()).toBe(true);
    expect(mendDevNull(path)).toEqual([]);
  });
});

test('an unknown section is refused before anything is installed or measured', () => {
  const { status, stderr } = spawnSync(process.execPath, [join(ROOT, 'bench/run.ts'), 'nonsense'], {
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([2, `bench: no section named nonsense; known: ${SECTIONS.join(', ')}\n`]);
});

test('the stub compiler copies what it knows and leaves the rest to a real one', () => {
  const [stub, from] = [join(scratch, 'stub'), join(scratch, 'made')];
  execFileSync('cc', ['-O2', '-o', stub, join(ROOT, 'bench/stub.c')]);
  mkdirSync(from);
  for (const name of ['a.o', 'a.d']) writeFileSync(join(from, name), `made ${name}`);
  writeFileSync(join(scratch, 'b.c'), 'int b;\n');
  const call = (env: object, ...args: string[]): number | null =>
    spawnSync(stub, args, { cwd: scratch, env: { PATH: process.env.PATH, STUB_FROM: from, ...env } }).status;
  expect(call({}, '-c', 'a.c', '-o', 'a.o')).toBe(0);
  expect(['a.o', 'a.d'].map((name) => readFileSync(join(scratch, name), 'utf8'))).toEqual(['made a.o', 'made a.d']);
  expect(call({}, '-c', 'b.c', '-o', 'b.o')).toBe(1);
  expect(call({ STUB_ELSE: 'cc' }, '-c', 'b.c', '-o', 'b.o')).toBe(0);
  expect(statSync(join(scratch, 'b.o')).size).toBeGreaterThan(100);
});
