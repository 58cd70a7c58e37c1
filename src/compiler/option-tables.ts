import { CLANG_FLAG_NAMES } from './clang-flag-names.ts';
import { CLANG_DEBUG_OPTIONS, CLANG_OPTIONS } from './clang-options.ts';
import { GCC_FLAG_NAMES } from './gcc-flag-names.ts';
import { GCC_DEBUG_OPTIONS, GCC_OPTIONS } from './gcc-options.ts';
import type { Family } from './invocation.ts';
import { flagRows, makeTable, type OptionTable } from './option-table.ts';
import { SHARED_FLAG_NAMES } from './shared-flag-names.ts';
import { SHARED_DEBUG_OPTIONS, SHARED_OPTIONS } from './shared-options.ts';

const SHARED = [SHARED_OPTIONS, SHARED_DEBUG_OPTIONS, flagRows(SHARED_FLAG_NAMES)];

/** Every option a family's driver is known to take; an option that is not here is refused by its name. */
export const OPTION_TABLES: Readonly<Record<Family, OptionTable>> = {
  gcc: makeTable(...SHARED, GCC_OPTIONS, GCC_DEBUG_OPTIONS, flagRows(GCC_FLAG_NAMES)),
  clang: makeTable(...SHARED, CLANG_OPTIONS, CLANG_DEBUG_OPTIONS, flagRows(CLANG_FLAG_NAMES)),
};
