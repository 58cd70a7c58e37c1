import type { FileScan, Lookup } from './directives.ts';
import { commandLineDefinition, type Definition, definitionsOf, parseDefinitions } from './macro-table.ts';

/** What `#include MACRO` may stand for, given every definition that can be in force. */
export interface ComputedNames {
  readonly names: readonly Pick<Lookup, 'form' | 'name'>[];
  /** Set where some definition can only be understood by a preprocessor: the macro in question. */
  readonly unclear?: string;
}

/** Macros that compilers define though their names are not reserved: `<linux/x.h>` in a macro body becomes `<1/x.h>`. */
const UNRESERVED_PREDEFINED = new Set(
  `linux unix i386 sun sparc mips MIPSEB MIPSEL R3000 LANGUAGE_C PPC m68k mc68000 mc68020 hpux hppa vax pdp11 AVR avr
  arm ARM s390 nios2 bfin BFIN frv microblaze spu MSP430 rx RX lm32 CRX epiphany vms VMS pic hp9000s800 tilegx`.split(
    /\s+/,
  ),
);

const IDENTIFIERS = /[A-Za-z_$\x80-\xff][\w$\x80-\xff]*/g;

function mayBePredefined(name: string): boolean {
  return /^_[_A-Z]/.test(name) || UNRESERVED_PREDEFINED.has(name);
}

/** The definitions that can be in force in a compile: of all files it can read, and of the command line. */
export interface DefinitionSources {
  readonly scans: readonly FileScan[];
  readonly commandLine: ReadonlyMap<string, readonly Definition[]>;
}

export function commandLineTable(operands: readonly string[]): ReadonlyMap<string, readonly Definition[]> {
  return parseDefinitions(operands.map(commandLineDefinition).join(''));
}

/**
 * Every header name `macro` can expand to. A macro nobody defines cannot be expanded, so the directive is not
 * reached; but of names reserved to the compiler nobody can say that they are undefined.
 */
export function computedNames(macro: string, sources: DefinitionSources): ComputedNames {
  const names: Pick<Lookup, 'form' | 'name'>[] = [];
  const seen = new Set([macro]);
  for (const alias of seen) {
    const definitions = lookUp(alias, sources);
    if (definitions.length === 0 && mayBePredefined(alias)) return { names, unclear: alias };
    for (const definition of definitions) {
      if (definition.kind === 'opaque') return { names, unclear: alias };
      if (definition.kind === 'alias') seen.add(definition.value);
      else if (definition.kind === 'quote') names.push({ form: 'quote', name: definition.value });
      else if (definition.kind === 'angle') {
        const unclear = macroWithin(definition.value, sources);
        if (unclear !== undefined) return { names, unclear };
        names.push({ form: 'angle', name: definition.value });
      }
    }
  }
  return { names };
}

/** The first word of a <name> made of tokens that could itself be a macro. */
export function macroWithin(name: string, sources: DefinitionSources): string | undefined {
  for (const [word] of name.matchAll(IDENTIFIERS))
    if (mayBePredefined(word) || lookUp(word, sources).length > 0) return word;
  return undefined;
}

function lookUp(name: string, sources: DefinitionSources): readonly Definition[] {
  const found: Definition[] = [...(sources.commandLine.get(name) ?? [])];
  for (const scan of sources.scans) {
    const more = definitionsOf(scan).get(name);
    if (more !== undefined) found.push(...more);
  }
  return found;
}
