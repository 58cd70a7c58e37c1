import { DAEMON_SETTINGS, type DaemonSettings } from './daemon-settings.ts';
import { GRID_SETTINGS, type GridSettings } from './grid-settings.ts';
import { LOCAL_SETTINGS, type LocalSettings } from './local-settings.ts';
import type { SettingTable } from './setting-spec.ts';

/**
 * Every setting, under the name it has in `hybridgrid.yaml`, in `--json` and in the documentation alike. Paths are
 * byte strings and absolute; sizes are bytes, durations milliseconds, either may be infinite.
 */
export interface Settings extends LocalSettings, GridSettings, DaemonSettings {}

export type SettingKey = keyof Settings;

export const SETTINGS: SettingTable<Settings> = { ...LOCAL_SETTINGS, ...GRID_SETTINGS, ...DAEMON_SETTINGS };

export const SETTING_KEYS = Object.keys(SETTINGS) as readonly SettingKey[];

export function isSettingKey(name: string): name is SettingKey {
  return Object.hasOwn(SETTINGS, name);
}

/** Variables of ours that are no setting. */
export const OTHER_VARIABLES: Readonly<Record<string, string>> = {
  HG_CONFIG: "a file read instead of the user's hybridgrid.yaml",
  HG_RUNTIME_DIR: "the private directory for the agent's socket",
  HG_NESTED: 'internal: set for a compiler that runs on behalf of the cache; its own children are left alone',
  HG_IGNORED_SIGNALS: 'internal: signals that were ignored when hgbuild was started',
  HG_SESSION: 'internal: the wrapped build a compile belongs to',
  HG_SESSION_FILE: 'internal: where a compile that did not reach the agent leaves a line',
};
