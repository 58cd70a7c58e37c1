import { readFileSync, rmSync } from 'node:fs';
import { fromBytes, fsPath } from '../base/byte-string.ts';
import { type Refusal, refuse } from '../base/refusal.ts';
import { parseDepfile } from '../compiler/depfile.ts';
import { type Description, inDirectory } from './describe.ts';
import type { FileStates } from './file-state.ts';
import type { CompilePlan } from './plan.ts';
import type { CompileEnded } from './wire.ts';

/** What is known of the files one run of the compiler read. Absolute paths. */
export interface ReadFiles {
  readonly kind: 'read-files';
  /** Every source and header, by the compiler's own account; undefined where it left none or an incomplete one. */
  readonly truth: readonly string[] | undefined;
  /** Files that must at least be among those found by the scan (a -MMD depfile names user headers only). */
  readonly atLeast: readonly string[];
  /** What the assembler read beside its input: .incbin, .include, and names given by #line. */
  readonly assembler: readonly string[];
}

/** Reads the lists of a run: those that came back with its report, and the user's own depfile. */
export function readLists(
  description: Description,
  plan: CompilePlan,
  ended: CompileEnded,
  files: FileStates,
): ReadFiles | Refusal {
  const { invocation, request } = description;
  const absolute = (path: string): string => inDirectory(request.cwd, path);
  const list = (kind: CompilePlan['lists'][number]): string | undefined => ended.lists[plan.lists.indexOf(kind)];
  const own = list('depfile');
  if (own === undefined && plan.lists.includes('depfile')) return refuse('scan-incomplete', 'depfile');
  const captured = plan.captures.find((capture) => capture.output.role === 'depfile');
  const users = captured === undefined ? undefined : readText(captured.to);
  const text = own ?? users;
  const listed = text === undefined ? undefined : parseDepfile(text)?.inputs.map(absolute);
  if (text !== undefined && listed === undefined) return refuse('scan-incomplete', 'depfile');
  const complete = own !== undefined || (invocation.depfile.kind === 'user' && invocation.depfile.systemHeaders);
  const assembler = assemblerFiles(list('assembler'), absolute, files);
  const truth = !invocation.preprocesses ? [absolute(invocation.source)] : complete ? listed : undefined;
  return { kind: 'read-files', truth, atLeast: listed ?? [], assembler };
}

/** The driver's temporary assembler files are gone by now; whatever is left was read by name. */
function assemblerFiles(
  text: string | undefined,
  absolute: (path: string) => string,
  files: FileStates,
): readonly string[] {
  const inputs = text === undefined ? [] : (parseDepfile(text)?.inputs ?? []);
  return inputs.map(absolute).filter((path) => files.stampOf(path)?.kind === 'file');
}

function readText(path: string): string | undefined {
  try {
    return fromBytes(readFileSync(fsPath(path)));
  } catch {
    return undefined;
  }
}

/** Removes tmp files that nobody will adopt. */
export function discard(paths: readonly string[]): void {
  for (const path of paths) rmSync(fsPath(path), { force: true });
}
