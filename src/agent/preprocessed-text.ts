import { readFileSync } from 'node:fs';
import { fromBytes, fsPath } from '../base/byte-string.ts';
import { type Digest, sha256 } from '../base/digest.ts';
import { inputsOf, type NewEntry } from '../cache/manifest.ts';
import { scanDirectives } from '../includes/directives.ts';
import { LIST_IN_MEMORY } from './answers.ts';
import type { OpenCache } from './caches.ts';
import type { Description } from './describe.ts';
import { takeSight } from './file-snapshot.ts';
import type { CompilePlan } from './plan.ts';
import { discard } from './read-files.ts';
import { conditionsOf, type StoreServices } from './store-result.ts';
import type { CompileEnded } from './wire.ts';

/**
 * A second way to find a result, where this very call is known and a file changed: if the preprocessor prints the text
 * that gave a stored result, and nothing but that text decides the object, the result holds. Nothing is ever compiled
 * from the text. See docs/decisions/0008-preprocessed-text.md for what rules it out: in the text columns and comments
 * are gone, so whatever depends on them (debug information, warnings, sanitizers, source_location) must not be there.
 */
export interface PreprocessRun {
  readonly args: readonly string[];
  /** Where the launcher puts the text. */
  readonly textPath: string;
}

/** Text that may put columns, or the bytes of other files, into the object. */
const COLUMNS = /source_location|__builtin_(?:COLUMN|FILE|LINE|FUNCTION)|__COUNTER__/;

/** Options that only say what is written where; the run has its own. */
const OUTPUT_OPTION = /^-(?:c|M[MDPG]*|MF.+|M[TQ].+|o.+|Wp,-M.*)$/;
const OUTPUT_OPTION_WITH_VALUE = /^-(?:o|MF|MT|MQ)$/;

function isProvable({ invocation }: Description): boolean {
  const { language, stage, family } = invocation;
  if (invocation.debug || invocation.columnsMatter || invocation.recordsCommandLine) return false;
  if (stage !== 'object' || (language !== 'c' && language !== 'c++')) return false;
  // Without -w a warning that depends on a macro being expanded or not may come and go under an equal text.
  if (
    !invocation.keyArgs.includes('-w') ||
    invocation.outputs.some(({ role }) => role !== 'object' && role !== 'depfile')
  )
    return false;
  // clang lists headers that were only asked for by __has_include, which the text does not show.
  return family === 'gcc' || invocation.depfile.kind === 'none';
}

/** The run to make before a compile; undefined where it could prove nothing. */
export function planPreprocessing(description: Description, cache: OpenCache): PreprocessRun | undefined {
  if (!isProvable(description)) return undefined;
  const known = cache.manifests.read(description.key);
  if (known === undefined || known.entries.length === 0) return undefined;
  const textPath = cache.blobs.newTmpPath('text');
  if (typeof textPath !== 'string') return undefined;
  const { keyArgs, source, language } = description.invocation;
  const options = keyArgs.filter(
    (arg, i) =>
      !OUTPUT_OPTION.test(arg) &&
      !OUTPUT_OPTION_WITH_VALUE.test(arg) &&
      !OUTPUT_OPTION_WITH_VALUE.test(keyArgs[i - 1] ?? ''),
  );
  const args = [...options, '-MD', '-MF', LIST_IN_MEMORY, '-E', '-x', language, source];
  return { args, textPath };
}

/** Digest of the text, if it may stand for the object. Removes nothing: see {@link discardRun}. */
export function takeText({ textPath }: PreprocessRun): Digest | undefined {
  try {
    const bytes = readFileSync(fsPath(textPath));
    const text = fromBytes(bytes);
    if (COLUMNS.test(text) || scanDirectives(text).flags.length > 0) return undefined;
    return sha256(bytes);
  } catch {
    return undefined;
  }
}

export function discardRun({ textPath }: PreprocessRun): void {
  discard([textPath]);
}

/** Files the conditions of this run with the result that the same text gave. False if there is none. */
export async function adoptKnownText(
  description: Description,
  pp: Digest,
  ended: CompileEnded,
  cache: OpenCache,
  services: StoreServices,
): Promise<boolean> {
  const manifest = cache.manifests.read(description.key);
  const match = manifest?.entries.find(
    (entry) => entry.pp === pp && entry.stderr.kind === 'inline' && entry.stderr.text === '',
  );
  if (manifest === undefined || match === undefined) return false;
  const plan: CompilePlan = { args: [], captures: [], lists: ['depfile'], coloured: false };
  const conditions = await conditionsOf(description, plan, ended, services, takeSight(services.files));
  if (conditions.kind === 'refused' || conditions.precompiled) return false;
  // A file that only the assembler read is in no preprocessed text.
  const read = new Set(conditions.inputs.map(({ path }) => path));
  const before = inputsOf(manifest, match);
  if (before.some(({ path, flags }) => flags === 0 && !read.has(path))) return false;
  const { outputs, stderr, colour, compileMs, cpuMs } = match;
  const { inputs, present, absent } = conditions;
  const entry: NewEntry = {
    inputs,
    present,
    absent,
    outputs,
    stderr,
    colour,
    compileMs,
    cpuMs,
    storedAt: services.now(),
    pp,
  };
  return cache.manifests.add(description.key, description.fields, entry).kind === 'stored';
}
