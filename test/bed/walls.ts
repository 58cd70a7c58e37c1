/** Holds source files against the walls between the rooms. Pure: files come in as text, sentences come out. */
import { posix } from 'node:path';
import { scanSource } from './import-scan.ts';

/** One source file: its path from the root of the repository and its text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** What the files of one place must not do, and why. Paths are prefixes (a room) or whole files. */
export interface Wall {
  readonly of: readonly string[];
  readonly except?: readonly string[];
  readonly because: string;
  /** Rooms or files under `src/` that may be imported besides the own room; absent: any. */
  readonly mayImport?: readonly string[];
  readonly mustNotImport?: readonly string[];
  /** Node modules and packages that may be imported (`module` or `module#name`); absent: any. */
  readonly mayUseModules?: readonly string[];
  /** Global names, with one member where it matters (`process.env`). A bare name forbids all of its members. */
  readonly mustNotUse?: readonly string[];
}

const inside = (path: string, prefix: string): boolean => path === prefix || path.startsWith(`${prefix}/`);

function applies(wall: Wall, path: string): boolean {
  return wall.of.some((p) => inside(path, p)) && !(wall.except ?? []).some((p) => inside(path, p));
}

/** `src/agent/x.ts` + `../base/y.ts` -> `src/base/y.ts`; `undefined` for a package or a Node module. */
function target(path: string, specifier: string): string | undefined {
  return specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : undefined;
}

function moduleAllowed(wall: Wall, specifier: string, names: readonly string[]): boolean {
  const allowed = wall.mayUseModules;
  if (allowed === undefined || allowed.includes(specifier)) return true;
  return names.length > 0 && names.every((name) => allowed.includes(`${specifier}#${name}`));
}

function breaches(wall: Wall, file: SourceFile): string[] {
  const found: string[] = [];
  const facts = scanSource(file.text);
  const room = file.path.split('/').slice(0, 2).join('/');
  for (const { specifier, names, typeOnly, line } of facts.imports) {
    const at = `${file.path}:${line} imports ${specifier}`;
    const to = target(file.path, specifier);
    if (to === undefined) {
      if (!typeOnly && !moduleAllowed(wall, specifier, names)) found.push(at);
    } else if ((wall.mustNotImport ?? []).some((p) => inside(to, p))) found.push(at);
    else if (wall.mayImport !== undefined && !inside(to, room) && !wall.mayImport.some((p) => inside(to, p))) {
      found.push(at);
    }
  }
  for (const { name, line } of facts.uses) {
    const forbidden = (wall.mustNotUse ?? []).some((n) => name === n || name.startsWith(`${n}.`));
    if (forbidden) found.push(`${file.path}:${line} uses ${name}`);
  }
  return found;
}

/** Every breach of every wall, each with the wall's reason. */
export function wallBreaches(files: readonly SourceFile[], walls: readonly Wall[]): string[] {
  return files.flatMap((file) =>
    walls
      .filter((wall) => applies(wall, file.path))
      .flatMap((wall) => breaches(wall, file).map((b) => `${b}: ${wall.because}`)),
  );
}

/** Limits on the length of files, in lines. */
export interface SizeLimits {
  /** Nine files of ten are at most this long. */
  readonly p90: number;
  readonly max: number;
  /** Above this the head of the file says why it is long. */
  readonly explainAbove: number;
}

/** Files that are too long, the 90th percentile included. `// long: reason` or `* Long: reason` in the head explains. */
export function sizeBreaches(files: readonly SourceFile[], limits: SizeLimits): string[] {
  const sizes = files
    .map((file) => ({ ...file, lines: file.text.split('\n').length - 1 }))
    .sort((a, b) => a.lines - b.lines);
  const found = sizes
    .filter((file) => file.lines > limits.max)
    .map((file) => `${file.path} has ${file.lines} lines (at most ${limits.max})`);
  for (const file of sizes) {
    const explained = /\blong(?:er)?\b[^\n]*\bbecause\b|\blong:/i.test(file.text.slice(0, 1500));
    if (file.lines > limits.explainAbove && file.lines <= limits.max && !explained) {
      found.push(`${file.path} has ${file.lines} lines and its head does not say why ("Long: ...")`);
    }
  }
  const p90 = sizes[Math.ceil(sizes.length * 0.9) - 1];
  if (p90 !== undefined && p90.lines > limits.p90) {
    found.push(`the 90th percentile of file lengths is ${p90.lines} lines (${p90.path}), at most ${limits.p90}`);
  }
  return found;
}
