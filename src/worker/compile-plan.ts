import { toBytes } from '../base/byte-string.ts';
import { sha256 } from '../base/digest.ts';
import { type CompileTask, LIST } from './compile-task.ts';
import type { BoundFile, PlannedOutput, SandboxLimits, SandboxPlan } from './sandbox-plan.ts';

/** In bytes: no object is larger. */
export const MAX_OUTPUT = 200 << 20;
/** In bytes. 20,000 paths of 800 characters. */
const MAX_LIST = 16 << 20;

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
  return {
    home: `${clientHome} ${compilerOf(task)}`,
    files,
    directories: [...task.tree.directories, ...task.passed],
    writable: [...new Set([task.cwd, ...task.outputs.map((output) => output.directory)])],
    links: [...task.tree.links].map(([path, target]) => ({ path, target })),
    argv: [task.compiler, ...listArgs, ...task.args],
    env: task.env,
    cwd: task.cwd,
    outputs: [...task.outputs.map(({ path }) => ({ path, limit: MAX_OUTPUT })), ...lists],
    limits,
  };
}

/**
 * The compiler by what it really is, whatever the client calls it: programs that one client brought run in no root that
 * another compiler's results come from.
 */
function compilerOf({ compiler, parts }: CompileTask): string {
  const files = [...parts.files.values()].map(({ path, digest }) => `${digest} ${path}`);
  return sha256(toBytes([compiler, ...files.sort()].join('\n')));
}
