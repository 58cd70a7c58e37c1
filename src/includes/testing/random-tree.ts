import type { ForcedInclude } from '../../compiler/invocation.ts';
import type { Entry } from './tree.ts';

/** A reproducible source of chance (mulberry32). */
export interface Chance {
  below(limit: number): number;
  of<T>(list: readonly T[]): T;
  happens(probability: number): boolean;
}

export function chance(seed: number): Chance {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  return { below, of: (list) => list[below(list.length)] as never, happens: (probability) => next() < probability };
}

/** A tree in which every way of including occurs: shadowing, links, next, computed, tests, directories as headers. */
export interface RandomTree {
  readonly entries: Readonly<Record<string, Entry>>;
  readonly source: string;
  readonly args: readonly string[];
  readonly forcedIncludes: readonly ForcedInclude[];
  /** Paths at which a later file could change something. */
  readonly places: readonly string[];
}

const DIRECTORIES = ['a', 'b', 'b/deep', 'c', 'q', 'sys/with/a/long/name', 'src', '.'];
const NAMES = ['h0.h', 'h1.h', 'h2.h', 'h3.h', 'x/h0.h', 'x/h1.h', '../b/h2.h', './h3.h', 'x/../h1.h'];
const PLAIN = NAMES.slice(0, 6);
const LINKS: readonly [string, string][] = [
  ['la', 'a'],
  ['c/x', '../b'],
  ['q/h2.h', '../a/h0.h'],
  ['lx', 'b/deep'],
  ['sys/with/a/long/name/h1.h', '../../../../../s.h'],
];

export function randomTree(seed: number): RandomTree {
  const dice = chance(seed);
  const entries: Record<string, Entry> = {};
  const source = dice.of(['src/t.c', 't.c', './src//t.c']);
  for (const [path, link] of LINKS) if (dice.happens(0.4)) entries[path] = { link };
  const isFree = (path: string) =>
    !(path in entries) && !Object.keys(entries).some((other) => path.startsWith(`${other}/`));
  for (const dir of DIRECTORIES)
    for (const name of PLAIN) if (dice.happens(0.3) && isFree(`${dir}/${name}`)) entries[`${dir}/${name}`] = '';
  if (dice.happens(0.3) && isFree('a/h3.h')) entries['a/h3.h'] = { dir: true };
  entries['s.h'] = '';
  let serial = 0;
  for (const [path, entry] of Object.entries(entries))
    if (entry === '') entries[path] = header(dice, `${seed}_${serial++}`);
  entries[source] = header(dice, `${seed}_source`, 6);
  const forced = (['-include', '-imacros'] as const)
    .filter(() => dice.happens(0.15))
    .map((option) => ({ option, name: dice.of(NAMES) }));
  const places = [...new Set(DIRECTORIES.flatMap((dir) => PLAIN.map((name) => `${dir}/${name}`)))];
  return { entries, source, args: searchArguments(dice), forcedIncludes: forced, places };
}

function searchArguments(dice: Chance): readonly string[] {
  const args = ['-w', ...(dice.happens(0.5) ? ['-nostdinc'] : []), '-DON_LINE=<h0.h>'];
  const options = ['-I', '-I', '-I', '-iquote', '-isystem', '-idirafter'];
  const directories = [
    'a',
    'b',
    'c',
    'q',
    'sys/with/a/long/name',
    'la',
    'lx/..',
    'b/deep/../',
    'none',
    'none/x',
    './c/.',
    '.',
  ];
  for (let count = 2 + dice.below(4); count > 0; count--) args.push(dice.of(options), dice.of(directories));
  return args;
}

function header(dice: Chance, id: string, least = 0): string {
  const lines = [`#ifndef GUARD_${id}`, `#define GUARD_${id}`];
  for (let count = least + dice.below(4); count > 0; count--) lines.push(...directive(dice));
  return `${[...lines, `int marker_${id};`, '#endif'].join('\n')}\n`;
}

function directive(dice: Chance): readonly string[] {
  const name = dice.of(NAMES);
  const operand = dice.of([`"${name}"`, `<${name}>`]);
  const word = dice.of(['include', 'include', 'include', 'include_next', 'import']);
  const test = dice.of(['__has_include', '__has_include_next']);
  const number = dice.below(3);
  return dice.of([
    [`#${word} ${operand}`],
    [`# if ${test}(${operand})`, `#${word} ${operand}`, '#endif'],
    [`# if ${test}(${operand})`, `int has_${dice.below(1e6)};`, '#endif'],
    ['#ifdef NEVER', `#${word} ${operand}`, '#endif'],
    [`#define M${number} ${operand}`],
    [`#ifdef M${number}`, `#${word} M${number}`, '#endif'],
    ['#if __has_include(ON_LINE)', '#include ON_LINE', '#endif'],
    [`/* #include "h1.h"`, `*/ %:inc\\`, `lude /**/ ${operand} // x`],
  ]);
}
