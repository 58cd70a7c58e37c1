import { forDisplay, fromNative } from '../base/byte-string.ts';
import { REFUSALS } from '../base/refusal.ts';
import { diffFingerprints } from '../cache/fingerprint.ts';
import { absentOf, inputsOf, type Manifest } from '../cache/manifest.ts';
import type { OpenCache } from './caches.ts';
import type { Difference, ExplainCommand, Explanation } from './control.ts';
import { type Description, describeCompile, inDirectory } from './describe.ts';
import type { EngineServices } from './engine.ts';
import { identityNow } from './inputs.ts';
import { findProof } from './lookup.ts';
import { openWays } from './ways.ts';
import type { CompileRequest } from './wire.ts';

/** Walks the way of a compile without compiling, and says where it ends and why. */
export async function explain(command: ExplainCommand, services: EngineServices): Promise<Explanation> {
  const request = toRequest(command);
  const described = await describeCompile(request, services);
  if (described.kind === 'not-a-compile') return { verdict: 'not-a-compile' };
  if (described.kind === 'refused') {
    const { reason, detail } = described;
    return { verdict: 'refused', reason, meaning: REFUSALS[reason], detail: forDisplay(detail) };
  }
  const cache = await services.caches.at(described.settings['cache.dir']);
  const manifest = cache.manifests.read(described.key);
  const proof = manifest === undefined ? undefined : findProof(manifest, described, { ...services, ways: openWays() });
  if (proof !== undefined) {
    return {
      verdict: 'hit',
      key: described.key,
      inputs: proof.entry.inputs.map((input) => forDisplay(input.path)),
      storedAt: new Date(proof.entry.storedAt).toISOString(),
    };
  }
  const differences = manifest === undefined ? sinceLastTime(described, cache) : changedFiles(manifest, services);
  return { verdict: 'miss', key: described.key, differences: differences.map(shown) };
}

function toRequest({ argv, cwd, env }: ExplainCommand): CompileRequest {
  const [compiler = '', ...args] = argv.map(fromNative);
  const entries = Object.entries(env).map(([name, value]) => [name, fromNative(value)] as const);
  const memoKey = '';
  return { memoKey, session: '', stderrIsTerminal: false, compiler, cwd: fromNative(cwd), args, env: new Map(entries) };
}

function shown({ what, name, before, now }: Difference): Difference {
  return { what, name: forDisplay(name), before: forDisplay(before), now: forDisplay(now) };
}

/** Nothing is known of exactly this call: what differs from the last one that compiled this source? */
function sinceLastTime(description: Description, cache: OpenCache): readonly Difference[] {
  const source = inDirectory(description.request.cwd, description.invocation.source);
  const last = cache.sources.find(source);
  const manifest = last?.key === undefined ? undefined : cache.manifests.read(last.key);
  return manifest === undefined ? [] : diffFingerprints(manifest.fields, description.fields);
}

/** The call is known, the files are not as they were: how do they differ from the newest stored state? */
function changedFiles(manifest: Manifest, { files }: EngineServices): readonly Difference[] {
  const entry = manifest.entries[0];
  if (entry === undefined) return [];
  const found: Difference[] = [];
  const ways = openWays();
  for (const input of inputsOf(manifest, entry)) {
    const now = identityNow(input, files, ways);
    if (now === input.digest) continue;
    const name = input.path.split('\0')[0] ?? '';
    found.push({ what: 'input', name, before: input.digest, now: now ?? 'gone' });
  }
  for (const { dir, names } of absentOf(manifest, entry)) {
    for (const name of names) {
      const path = `${dir}/${name}`;
      if (files.stampOf(path) !== undefined)
        found.push({ what: 'absent-file', name: path, before: 'absent', now: 'exists' });
    }
  }
  return found;
}
