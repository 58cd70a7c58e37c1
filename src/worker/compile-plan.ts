import { toBytes } from '../base/byte-string.ts';
import { sha256 } from '../base/digest.ts';
import { nativeSpecs, withNativeNamed } from '../compiler/native-cpu.ts';
import { type CompileTask, LIST } from './compile-task.ts';
import type { BoundFile, PlannedOutput, PlannedText, SandboxLimits, SandboxPlan } from './sandbox-plan.ts';

/** In bytes: no object is larger. */
export const MAX_OUTPUT = 200 << 20;
/** In bytes. 20,000 paths of 800 characters. */
const MAX_LIST = 16 << 20;
/** No node of a task can be there (OWN_PLACES of the node table). */
const SPECS = '/tmp/.hg-native.specs';

/**
 * The sandbox for a task: exactly its nodes. Its outputs come first, then the lists.
 * @param files one of this machine for every file of the tree
 * @param clientHome differs between clients
 */
export function planTask(
  task: CompileTask,
  files: readonly BoundFile[],
  clientHome: string,
  limits: SandboxLimits,
): SandboxPlan {
  const lists: PlannedOutput[] = [];
  const listArgs = task.listArgs.map((word) =>
    word.replaceAll(LIST, () => {
      const path = `/tmp/.hg-list-${lists.length}`;
      lists.push({ path, limit: MAX_LIST });
      return path;
    }),
  );
  const { options, args, texts } = tellNative(task);
  return {
    home: `${clientHome} ${compilerOf(task)}`,
    files,
    texts,
    directories: [...task.tree.directories, ...task.passed],
    writable: [...new Set([task.cwd, ...task.outputs.map((output) => output.directory)])],
    links: [...task.tree.links].map(([path, target]) => ({ path, target })),
    argv: [task.compiler, ...options, ...listArgs, ...args],
    env: task.env,
    cwd: task.cwd,
    outputs: [...task.outputs.map(({ path }) => ({ path, limit: MAX_OUTPUT })), ...lists],
    limits,
  };
}

/** The command with the client's processor in place of this machine's own. */
function tellNative({ native, args }: CompileTask): {
  readonly options: readonly string[];
  readonly args: readonly string[];
  readonly texts: readonly PlannedText[];
} {
  switch (native?.family) {
    case 'gcc':
      return { options: [`-specs=${SPECS}`], args, texts: [{ path: SPECS, text: nativeSpecs(native) }] };
    case 'clang':
      return { options: [], args: withNativeNamed(args, native), texts: [] };
    case undefined:
      return { options: [], args, texts: [] };
  }
}

/**
 * The compiler by what it really is, whatever the client calls it: programs that one client brought run in no root that
 * another compiler's results come from.
 */
function compilerOf({ compiler, parts }: CompileTask): string {
  const files = [...parts.files.values()].map(({ path, digest }) => `${digest} ${path}`);
  return sha256(toBytes([compiler, ...files.sort()].join('\n')));
}
