import { refuse } from '../base/refusal.ts';
import type { DriverMode, Family } from './invocation.ts';
import { kindByLanguage, kindByName } from './languages.ts';
import { type LineReading, refuseOption, startReading } from './line-reading.ts';
import { EFFECTS } from './option-effects.ts';
import { findOption } from './option-table.ts';
import { OPTION_TABLES } from './option-tables.ts';
import { unsafeAssemblerOption, unsafeFrontendOption } from './passed-options.ts';

/** Reads a whole line. `args` are the arguments after the compiler's name, response files already expanded. */
export function readLine(family: Family, mode: DriverMode, args: readonly string[]): LineReading {
  const reading = startReading(family, mode);
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string;
    if (reading.endOfOptions || !arg.startsWith('-') || arg === '-') readInput(reading, arg);
    else i += readOption(reading, arg, args[i + 1]);
  }
  const unsafe = unsafeFrontendOption(reading.frontend);
  if (unsafe !== undefined) refuseOption(reading, `-Xclang ${unsafe}`);
  const unsafeAs = unsafeAssemblerOption(reading.assembler);
  if (unsafeAs !== undefined) refuseOption(reading, `-Wa,${unsafeAs}`);
  return reading;
}

function readInput(reading: LineReading, name: string): void {
  const { family, mode, language } = reading;
  if (name.startsWith('@')) reading.refusals.push(refuse('response-file', name));
  const kind = language === undefined ? kindByName(name, family, mode) : kindByLanguage(language);
  reading.inputs.push({ name, kind });
}

/** Reads one option; returns how many further arguments it took. */
function readOption(reading: LineReading, arg: string, next: string | undefined): 0 | 1 {
  const found = findOption(OPTION_TABLES[reading.family], arg);
  if (found === undefined) {
    reading.refusals.push(refuse('unknown-option', arg));
    return 0;
  }
  const { row, glued } = found;
  const separate = row[1] !== 'flag' && glued === undefined;
  if (separate && next === undefined) {
    refuseOption(reading, arg);
    return 0;
  }
  const spelled = separate ? [arg, next as string] : [arg];
  const effect = row[2];
  if (typeof effect === 'object') reading.refusals.push(refuse(effect.refuse, arg));
  else {
    reading.seen.add(effect);
    EFFECTS[effect]({ reading, row, value: glued ?? (separate ? (next as string) : ''), spelled });
  }
  return separate ? 1 : 0;
}
