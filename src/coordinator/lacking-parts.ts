import type { Digest } from '../base/digest.ts';
import { digestFromWire } from '../contract/digests.ts';
import type { CompileSpec } from '../contract/generated/hybridgrid/v1/build.ts';

/**
 * Compilers that workers asked for and nobody could give them, with the parts they lack: the next client that compiles with
 * one is asked to bring them. What is uploaded then is a blob as any other.
 */
export interface LackingParts {
  /** A worker has neither these parts nor could it get them here. */
  note(toolchain: string, parts: readonly Digest[]): void;
  /** Whether some worker lacks parts of it. */
  isLacking(toolchain: string): boolean;
  /** Parts of the spec's own compiler that a worker lacks; undefined where none is waited for, or too often in vain. */
  wantedOf(spec: CompileSpec): readonly Digest[] | undefined;
  /** All of them are here now. */
  brought(toolchain: string): void;
}

interface Lack {
  readonly parts: Set<Digest>;
  /** When clients were asked to bring it, the latest times. */
  asked: readonly number[];
}

/** Compilers remembered; more are hardly in use at once. */
const REMEMBERED = 64;
/** As many parts as a compiler may have. */
const MAX_PARTS = 2_000;
/**
 * A compiler is some 40 MB. Where the shared cache is too small to keep it, it would be uploaded for every compile: it is asked
 * for three times in ten minutes at most. Uploads of many compiles that begin together count as one.
 */
const TIMES = 3;
const WITHIN_MS = 600_000;
const TOGETHER_MS = 30_000;

/** `now`: milliseconds of a clock that does not go back. */
export function lackingParts(now: () => number): LackingParts {
  const lacks = new Map<string, Lack>();

  function mayAsk(lack: Lack): boolean {
    const latest = lack.asked.filter((at) => now() - at < WITHIN_MS);
    if (latest.some((at) => now() - at < TOGETHER_MS)) return true;
    if (latest.length >= TIMES) return false;
    lack.asked = [...latest, now()];
    return true;
  }

  return {
    note(toolchain, parts) {
      if (parts.length === 0) return;
      const known = lacks.get(toolchain);
      const all = new Set([...(known?.parts ?? []), ...parts].slice(0, MAX_PARTS));
      lacks.delete(toolchain);
      lacks.set(toolchain, { parts: all, asked: known?.asked ?? [] });
      const [oldest] = lacks.keys();
      if (lacks.size > REMEMBERED && oldest !== undefined) lacks.delete(oldest);
    },
    isLacking: (toolchain) => (lacks.get(toolchain)?.parts.size ?? 0) > 0,
    wantedOf(spec) {
      const lack = lacks.get(toolchainOf(spec));
      if (lack === undefined || lack.parts.size === 0 || !mayAsk(lack)) return undefined;
      // A client is asked for what is its own: the name of a compiler is only what somebody called it.
      return contentsOf(spec).filter((digest) => lack.parts.has(digest));
    },
    brought(toolchain) {
      lacks.get(toolchain)?.parts.clear();
    },
  };
}

/** The name of a spec's compiler, as the scheduler knows it. */
export function toolchainOf({ toolchain }: CompileSpec): string {
  return toolchain?.digest.toString('hex') ?? '';
}

function contentsOf({ toolchain }: CompileSpec): Digest[] {
  const contents = new Set<Digest>();
  for (const { node } of toolchain?.parts ?? []) {
    const digest = node?.$case === 'file' ? digestFromWire(node.value.digest) : undefined;
    if (digest !== undefined) contents.add(digest);
  }
  return [...contents];
}
