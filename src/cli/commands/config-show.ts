import { forDisplay } from '../../base/byte-string.ts';
import { nearestName } from '../../config/nearest-name.ts';
import type { LookedAt, Origin } from '../../config/resolve.ts';
import { isSettingKey, SETTING_KEYS, SETTINGS, type SettingKey, type Settings } from '../../config/settings.ts';
import { CliError, EXIT } from '../exit-codes.ts';
import { formatTable, painter, printJson, printOut, useColour } from '../output.ts';
import { type Context, resolutionOf, settingsOf } from '../settings-context.ts';

/** `hgbuild config show [KEY]`: every value and where it came from. */
export async function configShow(context: Context, key: string | undefined, json: boolean): Promise<number> {
  const { settings, origins } = await settingsOf(context);
  if (key !== undefined) return showOne(settings, key);
  const { files } = await resolutionOf(context);
  if (json) {
    const entries = SETTING_KEYS.map((name) => [
      name,
      { value: jsonValue(settings[name], SETTINGS[name].type.hide), origin: jsonOrigin(origins[name]) },
    ]);
    printJson({ settings: Object.fromEntries(entries), files: files.filter(isWorthShowing).map(jsonFile) });
    return EXIT.ok;
  }
  const paint = painter(useColour(context.env));
  const rows = SETTING_KEYS.map((name) => [name, writtenValue(settings, name), describeOrigin(origins[name])]);
  printOut(formatTable([['setting', 'value', 'from'], ...rows]));
  printOut('');
  for (const file of files.filter(isWorthShowing)) {
    const state = file.ignored ? 'ignored: it belongs to somebody else' : file.present ? 'read' : 'not there';
    printOut(paint('dim', `${file.level} file ${forDisplay(file.path)}: ${state}`));
  }
  return EXIT.ok;
}

function showOne(settings: Settings, key: string): number {
  if (!isSettingKey(key)) {
    const near = nearestName(key, SETTING_KEYS);
    throw new CliError(`unknown setting ${key}${near === undefined ? '' : `; did you mean ${near}?`}`);
  }
  printOut(writtenValue(settings, key));
  return EXIT.ok;
}

/** As it would stand in `hybridgrid.yaml`. */
export function writtenValue<K extends SettingKey>(settings: Settings, key: K): string {
  return forDisplay(SETTINGS[key].type.write(settings[key]));
}

/** The directories above a project are looked into, but a list of what is not there helps nobody. */
function isWorthShowing(file: LookedAt): boolean {
  return file.present || file.level !== 'project';
}

export function describeOrigin(origin: Origin): string {
  switch (origin.from) {
    case 'default':
      return 'default';
    case 'environment':
      return origin.variable;
    case 'flag':
      return origin.flag;
    case 'file':
      return `${forDisplay(origin.place.path)}:${origin.place.line}`;
  }
}

/** JSON has no infinity: it is `null`, as documented. */
function jsonValue(value: Settings[SettingKey], hide = (text: string) => text): unknown {
  if (typeof value === 'string') return hide(forDisplay(value));
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  return Array.isArray(value) ? value.map((item: string) => hide(forDisplay(item))) : value;
}

function jsonOrigin(origin: Origin): unknown {
  if (origin.from !== 'file') return origin;
  const { level, place } = origin;
  return { from: 'file', level, path: forDisplay(place.path), line: place.line, column: place.column };
}

function jsonFile(file: LookedAt): unknown {
  return { ...file, path: forDisplay(file.path) };
}
