import { readFileSync, rmSync } from 'node:fs';
import { fromBytes, fsPath } from '../base/byte-string.ts';
import { type Refusal, refuse } from '../base/refusal.ts';
import { parseDepfile } from '../compiler/depfile.ts';
import { type Description, inDirectory } from './describe.ts';
import type { FileStates } from './file-state.ts';
import type { CompilePlan } from './plan.ts';

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

/** Reads and removes the lists the run left behind. */
export function readLists(description: Description, plan: CompilePlan, files: FileStates): ReadFiles | Refusal {
  const { invocation, request } = description;
  const absolute = (path: string): string => inDirectory(request.cwd, path);
  const own = plan.depfile === undefined ? undefined : takeText(plan.depfile);
  if (plan.depfile !== undefined && own === undefined) return refuse('scan-incomplete', plan.depfile);
  const captured = plan.captures.find((capture) => capture.output.role === 'depfile');
  const users = captured === undefined ? undefined : readText(captured.to);
  const text = own ?? users;
  const listed = text === undefined ? undefined : parseDepfile(text)?.inputs.map(absolute);
  if (text !== undefined && listed === undefined) return refuse('scan-incomplete', 'depfile');
  const complete = own !== undefined || (invocation.depfile.kind === 'user' && invocation.depfile.systemHeaders);
  const assembler = assemblerFiles(plan, absolute, files);
  const truth = !invocation.preprocesses ? [absolute(invocation.source)] : complete ? listed : undefined;
  return { kind: 'read-files', truth, atLeast: listed ?? [], assembler };
}

/** The driver's temporary assembler files are gone by now; whatever is left was read by name. */
function assemblerFiles(plan: CompilePlan, absolute: (path: string) => string, files: FileStates): readonly string[] {
  if (plan.assemblerDepfile === undefined) return [];
  const text = takeText(plan.assemblerDepfile);
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

function takeText(path: string): string | undefined {
  const text = readText(path);
  discard([path]);
  return text;
}

/** Removes tmp files that nobody will adopt. */
export function discard(paths: readonly (string | undefined)[]): void {
  for (const path of paths) if (path !== undefined) rmSync(fsPath(path), { force: true });
}
