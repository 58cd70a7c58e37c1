/**
 * Texts for the edit fuzzer: small headers and sources of which every inclusion shows in the object, be it twice, from
 * another directory or not at all. They are C and C++ at once, for gcc and clang.
 */
import { pick, type Random } from './command-lines-generator.ts';

/** Header names in order: a header includes later names only, so that no include chain runs in circles. */
export const NAMES = ['h0.h', 'h1.h', 'sub/h2.h', 'h3.h', 'h4.h', 'opt.h'] as const;
export type Name = (typeof NAMES)[number];

/** Macros the sources ask for, so that -D and headers can turn branches on and off. */
export const FLAGS = ['FLAG_A', 'FLAG_B'] as const;

export function chance(random: Random, probability: number): boolean {
  return random() < probability;
}

const digit = (random: Random): number => Math.floor(random() * 10);
const identity = (name: string): string => name.replace(/\W/g, '_');

/** The spellings under which one header may include another. */
function spelled(name: Name, random: Random): string {
  const roll = random();
  if (roll < 0.45) return `"${name}"`;
  if (roll < 0.85) return `<${name}>`;
  if (roll < 0.9) return `"./${name}"`;
  if (roll < 0.95) return `"../d1/${name}"`;
  return `"sub/../${name}"`;
}

/** One way to look for a header. Mostly asked for first, because a missing header ends the compile. */
function lookup(name: Name, random: Random): string[] {
  const operand = spelled(name, random);
  const include = `#${chance(random, 0.06) ? 'import' : 'include'} ${operand}`;
  const roll = random();
  if (roll < 0.35 && name !== 'opt.h' && !operand.includes('./')) return [include];
  if (roll < 0.7) return [`#if __has_include(${operand})`, include, '#else', '__asm__(".byte 99");', '#endif'];
  if (roll < 0.75) return [`#ifdef ${pick(random, FLAGS)}`, include, '#endif'];
  if (roll < 0.93 || name === 'opt.h')
    return [`#if __has_include(${operand})`, `__asm__(".byte ${digit(random)}");`, '#endif'];
  const macro = `INC_${identity(name)}`;
  return [`#ifndef ${macro}`, `#define ${macro} ${operand}`, '#endif', `#include ${macro}`];
}

/** Things in a file that make the result depend on more than the files' bytes, or stand in the way of caching. */
function oddities(random: Random, id: string): string[] {
  const roll = random();
  if (roll < 0.15) return [`static const char *__attribute__((used)) file_${id} = __FILE__;`];
  if (roll < 0.22) return [`#warning "seen ${id}"`];
  if (roll < 0.25) return [`#line ${digit(random) + 1} "made-up.h"`];
  if (roll < 0.28) return ['#pragma GCC system_header'];
  if (roll < 0.285) return [`static const char *__attribute__((used)) date_${id} = __DATE__;`];
  if (roll < 0.29) return [`static const char *__attribute__((used)) stamp_${id} = __TIMESTAMP__;`];
  if (roll < 0.298) return ['__asm__(".incbin \\"data.bin\\"");'];
  if (roll < 0.4) return [`static int __attribute__((used)) warned_${id}(void) { int unused_${id}; return 1; }`];
  if (roll < 0.43) return [`#define ${pick(random, FLAGS)} 1`];
  if (roll < 0.46) return [`static int __attribute__((used)) level_${id} = __INCLUDE_LEVEL__;`];
  return [];
}

/** A header that leaves its mark each time it is read. */
export function headerText(name: Name, random: Random): string {
  const value = digit(random);
  const id = `${identity(name)}_${Math.floor(random() * 1000)}`;
  const guard = random();
  const body = [`__asm__(".long ${value}");`, `#undef V_${identity(name)}`, `#define V_${identity(name)} ${value}`];
  if (guard < 0.75) {
    const once = `static int __attribute__((used)) fn_${id}(void) { return ${value}; }`;
    body.push(`#ifndef F_${id}`, `#define F_${id}`, once, '#endif');
  }
  const later = NAMES.slice(NAMES.indexOf(name) + 1);
  for (let left = Math.floor(random() * 2.4); left > 0 && later.length > 0; left--)
    body.push(...lookup(pick(random, later), random));
  if (chance(random, 0.25))
    body.push(
      `#if __has_include_next(<${name}>)`,
      `#include_next <${name}>`,
      '#else',
      '__asm__(".byte 55");',
      '#endif',
    );
  body.push(`#ifndef O_${id}`, `#define O_${id}`, ...oddities(random, id), '#endif');
  if (guard < 0.45) return [`#ifndef G_${id}`, `#define G_${id}`, ...body, '#endif', ''].join('\n');
  return [...(guard < 0.6 ? ['#pragma once'] : []), ...body, ''].join('\n');
}

/** A source that looks for most headers and puts what they define into the object. */
export function sourceText(random: Random): string {
  const lines = [...lookup('h0.h', random), ...lookup('h1.h', random)];
  for (const name of NAMES.slice(2)) if (chance(random, 0.6)) lines.push(...lookup(name, random));
  lines.push(...oddities(random, `source_${Math.floor(random() * 1000)}`));
  for (const name of NAMES) {
    const macro = `V_${identity(name)}`;
    lines.push(`#ifdef ${macro}`, `int use_${macro} = ${macro};`, '#endif');
  }
  for (const flag of [...FLAGS, 'UPGRADE', 'RSP', 'LINE'])
    lines.push(`#ifdef ${flag}`, `int has_${flag} = ${flag} + 0;`, '#endif');
  lines.push(`int source(int x) { return x + ${digit(random)}; }`, '');
  return lines.join('\n');
}

/** The same text with one digit turned into another: same size, another meaning. */
export function withOtherDigit(text: string, random: Random): string {
  const marks = [...text.matchAll(/(?:\.long |return (?:x \+ )?)(\d)/g)];
  if (marks.length === 0) return text;
  const mark = pick(random, marks);
  const at = mark.index + mark[0].length - 1;
  const old = Number(text[at]);
  return text.slice(0, at) + String((old + 1 + Math.floor(random() * 9)) % 10) + text.slice(at + 1);
}
