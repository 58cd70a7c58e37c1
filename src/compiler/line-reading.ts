import { type Refusal, refuse } from '../base/refusal.ts';
import type { DriverMode, Family, ForcedInclude } from './invocation.ts';
import type { InputKind } from './languages.ts';
import type { EffectName, OptionRow } from './option-table.ts';

/** One input named on the line, with what the compiler takes it for. */
export interface Input {
  readonly name: string;
  readonly kind: InputKind;
}

/** An argument that is part of the key always, or only when the named thing reaches the bytes. */
export interface KeyPart {
  readonly text: string;
  readonly when: 'always' | 'output-named' | 'no-depfile';
}

/** Everything the line says, in the order it was said; nothing is decided yet. */
export interface LineReading {
  readonly family: Family;
  readonly mode: DriverMode;
  readonly inputs: Input[];
  readonly keyParts: KeyPart[];
  readonly refusals: Refusal[];
  readonly outputs: string[];
  readonly search: string[];
  readonly tool: string[];
  readonly forcedIncludes: ForcedInclude[];
  readonly extraInputs: string[];
  /** Profiles that options of clang name. */
  readonly profiles: string[];
  readonly frontend: string[];
  readonly assembler: string[];
  readonly depfilePaths: string[];
  /** What each occurrence asked for; `passed` came through -Wp, which names the file itself. */
  readonly depfileRequests: { readonly systemHeaders: boolean; readonly passed: boolean }[];
  /** Effects that were seen at least once. */
  readonly seen: Set<EffectName>;
  depfileTargets: number;
  /** Where gcc keeps profiles: of the last option that says so. */
  profileDirectory: string | undefined;
  language: string | undefined;
  splitDwarf: 'no' | 'yes' | 'single';
  debug: boolean;
  nativeArch: boolean;
  externalAs: boolean;
  lto: boolean;
  colour: 'auto' | 'explicit';
  endOfOptions: boolean;
}

/** One option where it stands on the line. */
export interface Occurrence {
  readonly reading: LineReading;
  readonly row: OptionRow;
  /** The value, glued or separate; empty for a flag. */
  readonly value: string;
  /** The arguments as spelled: one, or two when the value was separate. */
  readonly spelled: readonly string[];
}

export function startReading(family: Family, mode: DriverMode): LineReading {
  return {
    family,
    mode,
    inputs: [],
    keyParts: [],
    refusals: [],
    outputs: [],
    search: [],
    tool: [],
    forcedIncludes: [],
    extraInputs: [],
    profiles: [],
    frontend: [],
    assembler: [],
    depfilePaths: [],
    depfileRequests: [],
    seen: new Set(),
    depfileTargets: 0,
    profileDirectory: undefined,
    language: undefined,
    splitDwarf: 'no',
    debug: false,
    nativeArch: false,
    externalAs: family === 'gcc',
    lto: false,
    colour: 'auto',
    endOfOptions: false,
  };
}

/** Notes an option that is known and not taken. */
export function refuseOption(reading: LineReading, detail: string): void {
  reading.refusals.push(refuse('unsupported-option', detail));
}
