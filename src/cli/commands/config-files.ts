import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { forDisplay, fromNative } from '../../base/byte-string.ts';
import { makeDirectories } from '../../cas/make-directories.ts';
import { CONFIG_FILE_NAME } from '../../config/locations.ts';
import { describeProblem } from '../../config/problem.ts';
import { SETTING_KEYS, SETTINGS } from '../../config/settings.ts';
import { CliError, EXIT } from '../exit-codes.ts';
import { printError, printJson, printOut } from '../output.ts';
import { type Context, resolutionOf } from '../settings-context.ts';

/** `hgbuild config check`: reads every file and variable that holds here and names everything that is wrong. */
export async function configCheck(context: Context, json: boolean): Promise<number> {
  const resolution = await resolutionOf(context);
  const files = resolution.files.filter((file) => file.present).map((file) => forDisplay(file.path));
  const problems = resolution.ok ? [] : resolution.problems.map(describeProblem);
  if (json) {
    printJson({ ok: resolution.ok, files, problems });
  } else {
    for (const problem of problems) printError(problem);
    if (resolution.ok)
      printOut(files.length === 0 ? 'ok: no configuration file, all settings are defaults' : `ok: ${files.join(', ')}`);
  }
  return resolution.ok ? EXIT.ok : EXIT.negative;
}

/** `hgbuild config init [--project]`: a file with every key, its default and its meaning, all commented out. */
export async function configInit(context: Context, project: boolean): Promise<number> {
  const path = project ? join(context.cwd, CONFIG_FILE_NAME) : await userFile(context);
  try {
    makeDirectories(fromNative(dirname(path)));
    writeFileSync(path, configTemplate(project), { flag: 'wx' });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CliError(
      code === 'EEXIST' ? `${path} exists already; edit it, or remove it first` : `${path} cannot be written: ${code}`,
    );
  }
  printOut(`wrote ${path}`);
  return EXIT.ok;
}

async function userFile(context: Context): Promise<string> {
  const { files } = await resolutionOf(context);
  const user = files.find((file) => file.level === 'user');
  if (user === undefined) throw new CliError('there is no place for your hybridgrid.yaml: set HOME or XDG_CONFIG_HOME');
  return forDisplay(user.path);
}

/** The text of a new configuration file. */
export function configTemplate(project: boolean): string {
  const lines = [
    project ? '# Settings of hgbuild for this source tree.' : '# Your settings of hgbuild.',
    '# Every line is a default: remove the "#" before a section and a key to change one.',
  ];
  let section = '';
  for (const key of SETTING_KEYS) {
    if (project && !SETTINGS[key].projectMaySet) continue;
    const [name = '', leaf = ''] = key.split('.');
    if (name !== section) lines.push('', `#${name}:`);
    section = name;
    lines.push(`  # ${SETTINGS[key].effect}`, `#  ${leaf}: ${initialText(key)}`);
  }
  return `${lines.join('\n')}\n`;
}

function initialText<K extends keyof typeof SETTINGS>(key: K): string {
  const { type, initial, usually } = SETTINGS[key];
  return usually ?? (type.write as (value: unknown) => string)(initial);
}
