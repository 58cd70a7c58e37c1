import { formatBytes } from '../base/bytes.ts';
import { formatDuration } from '../base/duration.ts';
import type { WorkerInfo } from '../contract/generated/hybridgrid/v1/build.ts';

/** What the page shows. */
export interface StatusFigures {
  readonly version: string;
  readonly uptimeMs: number;
  readonly nowMs: number;
  readonly queued: number;
  readonly active: number;
  readonly slots: number;
  readonly storedResults: number;
  readonly storedBytes: number;
  readonly limitBytes: number;
  readonly sharedHits: number;
  readonly sharedMisses: number;
  /** Compiles by how they ended. */
  readonly tasks: ReadonlyMap<string, number>;
  readonly workers: readonly WorkerInfo[];
}

const REFRESH_S = 5;

/** Text as it stands in HTML. Host names and addresses come from outside. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222;background:#fff}
h1{font-size:1.4rem}table{border-collapse:collapse;width:100%}th,td{padding:.3rem .6rem;text-align:right;border-bottom:1px solid #ddd}
th:first-child,td:first-child,th:last-child,td:last-child{text-align:left}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}
dd{margin:0}dt{color:#666}@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}th,td{border-color:#444}dt{color:#999}}`;

/** The style by its digest would be shorter, but the page has to stay readable without a build. */
export const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

/** The page: plain, whole in itself, without scripts. */
export function statusPage(figures: StatusFigures): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="${REFRESH_S}"><title>Hybridgrid</title><style>${STYLE}</style></head>
<body><h1>Hybridgrid coordinator</h1>
<dl>${totals(figures)
    .map(([name, value]) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd>`)
    .join('')}</dl>
<h2>Workers</h2>
${figures.workers.length === 0 ? '<p>None is connected.</p>' : workerTable(figures)}
</body></html>
`;
}

function totals(figures: StatusFigures): [string, string][] {
  const { sharedHits, sharedMisses, tasks } = figures;
  const asked = sharedHits + sharedMisses;
  const rate = asked === 0 ? '' : ` (${((100 * sharedHits) / asked).toFixed(1)} %)`;
  const ended = [...tasks].map(([how, count]) => `${count} ${how}`).join(', ');
  return [
    ['Version', figures.version],
    ['Up for', formatDuration(figures.uptimeMs)],
    ['Compiles', `${figures.active} running on ${figures.slots} slots, ${figures.queued} waiting`],
    ['Ended', ended === '' ? 'none yet' : ended],
    ['Shared cache', `${figures.storedResults} results, ${sharedHits} hits${rate}`],
    ['Blobs', `${formatBytes(figures.storedBytes)} of ${formatBytes(figures.limitBytes)}`],
  ];
}

const HEADS = [
  'Worker',
  'Architecture',
  'Cores',
  'Slots',
  'Active',
  'Done',
  'Failed',
  'Latency',
  'Last heard',
  'State',
];

function workerTable({ workers, nowMs }: StatusFigures): string {
  const row = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join('')}</tr>`;
  return `<table><thead>${row(HEADS, 'th')}</thead>
<tbody>${workers.map((worker) => row(cellsOf(worker, nowMs), 'td')).join('\n')}</tbody></table>`;
}

function cellsOf(worker: WorkerInfo, nowMs: number): string[] {
  const { capabilities, circuit, draining } = worker;
  const silent = Math.max(0, nowMs - Number(worker.lastHeartbeatUnixMs));
  const state = circuit === 'closed' ? 'ready' : `circuit ${circuit}`;
  return [
    `${capabilities?.workerId ?? ''} (${worker.address})`,
    capabilities?.arch ?? '',
    String(capabilities?.cpuCores ?? 0),
    String(capabilities?.slots ?? 0),
    String(worker.activeTasks),
    String(worker.completedTasks),
    String(worker.failedTasks),
    formatDuration(worker.latencyMs),
    `${formatDuration(silent)} ago`,
    worker.quarantine !== '' ? `quarantine: ${worker.quarantine}` : draining ? 'draining' : state,
  ];
}
