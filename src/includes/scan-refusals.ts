import { type Refusal, type RefusalReason, refuse } from '../base/refusal.ts';
import type { FileScan, ScanFlag } from './directives.ts';
import type { WalkInput } from './walk.ts';

const REASONS: Record<ScanFlag, RefusalReason> = {
  computed: 'computed-include',
  embed: 'embed',
  modules: 'modules',
  incbin: 'incbin',
  'incbin-comment': 'incbin',
  date: 'time-macro',
  timestamp: 'time-macro',
  pch: 'precompiled-header-used',
  unsure: 'scan-incomplete',
};

/** Why a file's own text forbids caching the compile that reads it, if it does. */
export function flagRefusal(scan: FileScan, path: string, input: WalkInput): Refusal | undefined {
  for (const flag of scan.flags) if (matters(flag, input)) return refuse(REASONS[flag], path);
  return undefined;
}

function matters(flag: ScanFlag, { language, dateIsFixed }: WalkInput): boolean {
  const assembler = language === 'assembler' || language === 'assembler-with-cpp';
  const preprocessed = language === 'assembler' || language === 'cpp-output' || language === 'c++-cpp-output';
  switch (flag) {
    case 'incbin':
      return true;
    case 'incbin-comment':
      return assembler;
    case 'pch':
      return language !== 'assembler';
    case 'modules':
      return language === 'c++' || language === 'c++-cpp-output' || language === 'objective-c++';
    case 'date':
      return !preprocessed && dateIsFixed !== true;
    case 'computed':
    case 'embed':
    case 'timestamp':
    case 'unsure':
      return !preprocessed;
  }
}
