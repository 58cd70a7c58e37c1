import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ALL_PREFIXES, ALL_VARIABLES } from '../src/compiler/environment.ts';
import { SETTING_KEYS, SETTINGS } from '../src/config/settings.ts';
import { S3_VARIABLES } from '../src/config/storage-credentials.ts';

const header = readFileSync(join(import.meta.dirname, '../native/variables.h'), 'utf8');

function listed(array: string): string[] {
  const body = new RegExp(`${array}\\[\\] = \\{([^}]*)\\}`).exec(header)?.[1] ?? '';
  return [...body.matchAll(/"([^"]+)"/g)].map((match) => match[1] ?? '');
}

/** A variable that decides a result but stays with the launcher would make two different compiles one. */
test('the launcher hands over every variable that reaches a key, a refusal or a setting', () => {
  const prefixes = listed('variable_prefixes');
  const names = listed('variable_names');
  expect(names.length).toBeGreaterThan(30);
  const isHandedOver = (name: string) => names.includes(name) || prefixes.some((prefix) => name.startsWith(prefix));
  const needed = [
    ...ALL_VARIABLES,
    ...SETTING_KEYS.map((key) => SETTINGS[key].variable),
    ...S3_VARIABLES,
    'HOME',
    'PATH',
    'PWD',
    'TERM',
  ];
  expect(needed.filter((name) => !isHandedOver(name))).toEqual([]);
  expect(ALL_PREFIXES.filter((needs) => !prefixes.some((prefix) => needs.startsWith(prefix)))).toEqual([]);
});

test('its lists are sorted and hold nothing twice', () => {
  for (const array of ['variable_prefixes', 'variable_names']) {
    const list = listed(array);
    expect(list).toEqual([...new Set(list)].sort());
  }
});
