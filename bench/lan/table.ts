/** The rows of the LAN benches: medians with spread, on the terminal and in a file. */
import { median } from '../figures.ts';

/** One builder's figures for one build, over all runs. */
export interface LanRow {
  readonly build: string;
  readonly builder: string;
  /** Seconds: median, least and most. */
  readonly wallS: readonly [number, number, number];
  /** Bytes at the client's interface: medians, headers included. */
  readonly sent: number;
  readonly received: number;
  /** CPU seconds of all processes of the client, and of the helpers: medians; null where it is not accounted. */
  readonly clientCpuS: number | null;
  readonly helperCpuS: number | null;
  /** Compiles of this build. */
  readonly files: number;
  /** Plain's wall time divided by this one's, run by run: median. */
  readonly speedUp: number;
  /** Objects that are the plain compiler's in every run, of how many. */
  readonly identical: readonly [number, number];
  readonly runs: number;
  /** What the builder's own records say of the last run, and what else is to be known. */
  readonly note: string;
}

/** A builder that could not be measured, and why. */
export interface Absent {
  readonly builder: string;
  readonly why: string;
}

export interface Sample {
  readonly wallMs: number;
  readonly plainWallMs: number;
  readonly sent: number;
  readonly received: number;
  readonly clientCpuMs: number;
  readonly helperCpuMs: number;
  readonly identical: readonly [number, number];
}

const round = (value: number): number => Math.round(value * 1000) / 1000;

const seconds = (ms: number): number | null => (Number.isNaN(ms) ? null : round(ms / 1000));

export function rowOf(head: Pick<LanRow, 'build' | 'builder' | 'files' | 'note'>, samples: readonly Sample[]): LanRow {
  const walls = samples.map(({ wallMs }) => wallMs / 1000);
  const of = (figure: (sample: Sample) => number): number => median(samples.map(figure));
  return {
    ...head,
    wallS: [round(median(walls)), round(Math.min(...walls)), round(Math.max(...walls))],
    sent: Math.round(of(({ sent }) => sent)),
    received: Math.round(of(({ received }) => received)),
    clientCpuS: seconds(of(({ clientCpuMs }) => clientCpuMs)),
    helperCpuS: seconds(of(({ helperCpuMs }) => helperCpuMs)),
    speedUp: round(of(({ wallMs, plainWallMs }) => plainWallMs / wallMs)),
    identical: [
      Math.min(...samples.map(({ identical }) => identical[0])),
      Math.max(...samples.map(({ identical }) => identical[1])),
    ],
    runs: samples.length,
  };
}

const TITLES = [
  'build',
  'by',
  'wall',
  'least-most',
  'speed-up',
  'CPU here',
  'there',
  'sent',
  'per file',
  'received',
  'identical',
  'runs',
  '',
];

const kilo = (bytes: number): string => `${(bytes / 1000).toFixed(bytes < 100_000 ? 1 : 0)} kB`;

function cells(row: LanRow): string[] {
  const [wall, least, most] = row.wallS;
  return [
    row.build,
    row.builder,
    `${wall.toFixed(1)} s`,
    `${least.toFixed(1)}-${most.toFixed(1)}`,
    `${row.speedUp.toFixed(2)}x`,
    ...[row.clientCpuS, row.helperCpuS].map((cpu) => (cpu === null ? '-' : `${cpu.toFixed(1)} s`)),
    kilo(row.sent),
    kilo(row.sent / row.files),
    kilo(row.received),
    `${row.identical[0]} of ${row.identical[1]}`,
    `${row.runs}`,
    row.note,
  ];
}

export function lanTable(rows: readonly LanRow[], absent: readonly Absent[]): string {
  const lines = [TITLES, ...rows.map(cells)];
  const widths = TITLES.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const left = new Set([0, 1, 12]);
  const shown = lines.map((line) =>
    line
      .map((cell, i) => (left.has(i) ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  return [...shown, ...absent.map(({ builder, why }) => `${builder}: not to be had: ${why}`)].join('\n');
}
