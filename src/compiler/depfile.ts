/** A depfile as gcc, clang or the GNU assembler wrote it. Byte strings, unescaped. */
export interface Depfile {
  /** The first target of the rule. */
  readonly target: string;
  readonly targets: readonly string[];
  /** The files of the first rule, in the order written. */
  readonly inputs: readonly string[];
}

/**
 * Reads the first rule of a depfile of gcc or clang; the phony rules of -MP, which follow it, add nothing. Undefined
 * if there is no rule.
 *
 * The writers (gcc 12, clang 14) put a backslash before a space, doubling the backslashes that stand right before it;
 * gcc does the same for a tab, which clang writes raw; before `#` goes one backslash and no doubling; `$` is doubled;
 * a line ends in a backslash to go on. What cannot be read back: a newline in a name, a name that ends in a backslash,
 * and under clang any backslash in a name, which it writes as a slash. Such a list names files that do not exist.
 */
export function parseDepfile(text: string): Depfile | undefined {
  return parseRule(text, true);
}

/** Reads what `as --MD` wrote (GNU as 2.40): as gcc's, but `#` is not escaped. */
export function parseAssemblerDepfile(text: string): Depfile | undefined {
  return parseRule(text, false);
}

function parseRule(text: string, hashEscaped: boolean): Depfile | undefined {
  const colon = findColon(text);
  if (colon < 0) return undefined;
  const targets = splitNames(text.slice(0, colon), hashEscaped);
  const [target] = targets;
  if (target === undefined) return undefined;
  const inputs = splitNames(text.slice(colon + 1, ruleEnd(text, colon + 1)), hashEscaped);
  return { target, targets, inputs };
}

/** The colon that ends the targets: the first with white space, a line's continuation or nothing after it. */
function findColon(text: string): number {
  return text.search(/:(?:[ \t\n]|\\\n|$)/);
}

/** The end of the rule that goes on from `start`: the first newline that no backslash precedes. */
function ruleEnd(text: string, start: number): number {
  let end = text.indexOf('\n', start);
  while (end > 0 && text[end - 1] === '\\') end = text.indexOf('\n', end + 1);
  return end < 0 ? text.length : end;
}

/**
 * Whether nothing is escaped, and a backslash stands only as a word of its own at the end of a line. So are nearly all
 * lists, of which each has hundreds of names: cut at their spaces they are read in half the time.
 */
function isPlain(text: string): boolean {
  if (text.includes('$')) return false;
  for (let start = 0; ; ) {
    const backslash = text.indexOf('\\', start);
    const newline = text.indexOf('\n', start);
    if (backslash < 0) return newline < 0;
    if (newline !== backslash + 1 || text[backslash - 1] !== ' ') return false;
    start = newline + 1;
    if (start < text.length && text[start] !== ' ') return false;
  }
}

// Backslashes with the character after them, a doubled dollar, a separator, or a stretch of anything else.
const TOKEN = /(\\+)([ \t\n#]?)|\$\$|[ \n]|[^\\$ \n]+|\$/g;

function splitNames(text: string, hashEscaped: boolean): string[] {
  if (isPlain(text)) return text.split(' ').filter((word) => word !== '' && word !== '\\\n');
  const names: string[] = [];
  let name = '';
  const endName = () => {
    if (name !== '') names.push(name);
    name = '';
  };
  for (const [token, slashes, after = ''] of text.matchAll(TOKEN)) {
    if (slashes !== undefined) {
      const read = readBackslashes(slashes, after, hashEscaped);
      name += read.text;
      if (read.ends) endName();
    } else if (token === ' ' || token === '\n') endName();
    else name += token === '$$' ? '$' : token;
  }
  endName();
  return names;
}

/** What backslashes and the character after them stand for, and whether a name ends there. */
function readBackslashes(slashes: string, after: string, hashEscaped: boolean): { text: string; ends: boolean } {
  const count = slashes.length;
  if (after === '\n') return { text: slashes.slice(1), ends: true };
  if (after === '#' && hashEscaped) return { text: `${slashes.slice(1)}#`, ends: false };
  const escaped = (after === ' ' || after === '\t') && count % 2 === 1;
  if (escaped) return { text: slashes.slice(0, (count - 1) / 2) + after, ends: false };
  return after === ' ' ? { text: slashes, ends: true } : { text: slashes + after, ends: false };
}
