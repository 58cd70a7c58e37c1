/** What `make bench` has to show: one line per row of its table, with the section that measures it. Data only. */

/** Each is a program run of its own; the order is that of the table. */
export const SECTIONS = [
  'many-headers',
  'one-line',
  'redis',
  're2',
  'client-cpu',
  'two-hosts',
  'lan',
  'simulate',
] as const;
export type SectionName = (typeof SECTIONS)[number];

export interface Bar {
  readonly section: SectionName;
  readonly work: string;
  /** Whose figure ours is divided by. */
  readonly against: string;
  readonly unit: 'ms' | 's' | 'kB' | 'us' | '/s';
  /** How the ratio has to stand to the limit; `info`: it has not to, the row is for information. */
  readonly sense: 'at most' | 'at least' | 'below' | 'info';
  readonly limit: number;
}

type Line = readonly [Bar['section'], string, string, Bar['unit'], Bar['sense'], number];

const HIT = 'direct hit, 250-header C++ file';
const LITTLE = 'hit, one-line C file';
const TWO = 'two hosts, cold';
const LAN = 'three hosts, 100 Mbit/s, 1 ms, cold RE2';

const LINES = {
  'many-headers wall': ['many-headers', `${HIT}: wall`, 'ccache', 'ms', 'at most', 0.35],
  'many-headers cpu': ['many-headers', `${HIT}: CPU, agent included`, 'ccache', 'ms', 'at most', 0.5],
  'many-headers agent': ['many-headers', `${HIT}: CPU of the agent alone`, 'ccache', 'ms', 'at most', 0.06],
  'one-line wall': ['one-line', `${LITTLE}: wall`, 'ccache', 'ms', 'at most', 0.8],
  'one-line cpu': ['one-line', `${LITTLE}: CPU, agent included`, 'ccache', 'ms', 'info', 0],
  'redis whole': ['redis', 'warm build of redis, links included: wall', 'ccache', 'ms', 'at most', 1],
  'redis objects': ['redis', 'warm build of redis, objects: wall', 'ccache', 'ms', 'at most', 1],
  'redis above': ['redis', 'warm build of redis, objects: wall above a stub compiler', 'ccache', 'ms', 'at most', 0.6],
  're2 miss': ['re2', 'miss, RE2, no grid: CPU of tree and agent', 'plain', 'ms', 'at most', 1.02],
  're2 objects': ['re2', 'warm build of RE2, objects: wall', 'ccache', 'ms', 'at most', 1],
  're2 above': ['re2', 'warm build of RE2, objects: wall above a stub compiler', 'ccache', 'ms', 'at most', 0.6],
  'client distcc': ['client-cpu', 'client CPU per remote compile, RE2', 'distcc', 'ms', 'at most', 0.06],
  'client pump': [
    'client-cpu',
    'client CPU per remote compile, RE2',
    "distcc-pump's second pass",
    'ms',
    'at most',
    0.5,
  ],
  'two redis': ['two-hosts', `${TWO} redis: times as fast`, 'plain', 's', 'at least', 1.75],
  'two redis distcc': ['two-hosts', `${TWO} redis: wall`, 'distcc', 's', 'below', 1],
  'two redis pump': ['two-hosts', `${TWO} redis: wall`, 'distcc-pump', 's', 'below', 1],
  'two redis icecream': ['two-hosts', `${TWO} redis: wall`, 'icecream', 's', 'below', 1],
  'two RE2': ['two-hosts', `${TWO} RE2: times as fast`, 'plain', 's', 'at least', 1.85],
  'two RE2 distcc': ['two-hosts', `${TWO} RE2: wall`, 'distcc', 's', 'below', 1],
  'two RE2 pump': ['two-hosts', `${TWO} RE2: wall`, 'distcc-pump', 's', 'below', 1],
  'two RE2 icecream': ['two-hosts', `${TWO} RE2: wall`, 'icecream', 's', 'below', 1],
  'lan bytes': ['lan', `${LAN}: bytes client to grid`, 'distcc-pump', 'kB', 'below', 1],
  'lan wall': ['lan', `${LAN}: wall`, 'distcc-pump', 's', 'below', 1],
  'lan edit': [
    'lan',
    'the same after editing a header that 10 % use: bytes client to grid',
    'distcc',
    'kB',
    'at most',
    0.1,
  ],
  makespan: ['simulate', 'simulator, 1,000 workers: makespan', 'lower bound', 's', 'at most', 1.1],
  'decision cost': ['simulate', 'cost of a decision, 10,000 workers, none waiting', '10 workers', 'us', 'at most', 1.5],
  'decision cost queue': [
    'simulate',
    'cost of a decision, 10,000 workers, 5,000 waiting',
    '10 workers',
    'us',
    'at most',
    1.5,
  ],
  'decision rate': ['simulate', 'decisions a second, 10,000 workers', '10,000 a second', '/s', 'at least', 1],
} as const satisfies Readonly<Record<string, Line>>;

export type BarId = keyof typeof LINES;
export const BAR_IDS = Object.keys(LINES) as readonly BarId[];

export function barOf(id: BarId): Bar {
  const [section, work, against, unit, sense, limit] = LINES[id];
  return { section, work, against, unit, sense, limit };
}

export const barsOf = (section: SectionName): readonly BarId[] => BAR_IDS.filter((id) => barOf(id).section === section);
