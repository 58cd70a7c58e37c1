import type { ValueType } from './value-types.ts';

/** What is known of one setting. The tables of them are the one schema: files, environment, flags, help and docs follow it. */
export interface SettingSpec<T> {
  readonly type: ValueType<T>;
  readonly initial: T;
  /** How the default is written where it depends on the environment: resolve.ts puts it in place of `initial`. */
  readonly usually?: string;
  /** The variable that sets it; `inverted` ones switch it off (HG_DISABLE). */
  readonly variable: string;
  readonly inverted?: true;
  /**
   * Whether a `hybridgrid.yaml` in a source tree may set it. Such a file arrives with other people's sources: it may
   * say how this tree is built, never where or how the user's one cache and agent live, nor which scripts to trust.
   */
  readonly projectMaySet: boolean;
  readonly effect: string;
}

/** A table of settings. */
export type SettingTable<S> = { readonly [K in keyof S]: SettingSpec<S[K]> };
