import { rmSync, writeFileSync } from 'node:fs';
import { fromNative, toBytes } from '../base/byte-string.ts';
import { sha256 } from '../base/digest.ts';
import type { BoundFile, SandboxPlan } from './sandbox-plan.ts';

/** Small files of plans as files of this machine, named by their content. */
export interface TextFiles {
  /** The plan with all its texts as files. Throws where the disk does not take them. */
  laid(plan: SandboxPlan): SandboxPlan;
}

/** Texts kept: each is one processor of one compiler among all clients. */
const MAX_KEPT = 256;

/** @param directory an existing one, for the owner alone; a native string */
export function textFiles(directory: string): TextFiles {
  const kept = new Set<string>();
  const remove = (name: string): void => {
    kept.delete(name);
    rmSync(`${directory}/${name}`, { force: true });
  };
  const fileOf = (text: string): string => {
    const name = `text-${sha256(toBytes(text))}`;
    if (!kept.has(name)) {
      // What is mounted somewhere stays there.
      if (kept.size >= MAX_KEPT) remove(kept.values().next().value as string);
      remove(name);
      writeFileSync(`${directory}/${name}`, toBytes(text), { mode: 0o444 });
      kept.add(name);
    }
    return `${directory}/${name}`;
  };
  return {
    laid(plan) {
      const { texts = [] } = plan;
      if (texts.length === 0) return plan;
      const files = texts.map(({ path, text }): BoundFile => ({ path, source: fromNative(fileOf(text)), version: '' }));
      return { ...plan, files: [...plan.files, ...files], texts: [] };
    },
  };
}
