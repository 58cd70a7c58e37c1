// gcc 12 writes every SGR sequence together with "erase to end of line"; clang 14 writes SGR alone; links are OSC 8,
// ended by ST or BEL.
const GCC_COLOUR = /\x1b\[[0-9;]*m\x1b\[K|\x1b\]8;[^\x07\x1b]*(?:\x07|\x1b\\)/g;
const ANY_COLOUR = /\x1b\[[0-9;]*m(?:\x1b\[K)?|\x1b\]8;[^\x07\x1b]*(?:\x07|\x1b\\)/g;

/**
 * Takes out of diagnostics what `-fdiagnostics-color=always` (gcc) or `-fcolor-diagnostics` (clang) put in. With the
 * family known, less is taken for colour: a raw escape sequence in a source line that gcc quotes stays.
 */
export function stripColour(text: string, family?: 'gcc' | 'clang'): string {
  return text.includes('\x1b') ? text.replace(family === 'gcc' ? GCC_COLOUR : ANY_COLOUR, '') : text;
}
