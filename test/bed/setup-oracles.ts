/**
 * Runs before every test. Unit tests of the compiler model and of the include walk ask the real compilers by a table
 * that names gcc and clang; on a machine without clang its half is skipped here, by name and with the reason.
 */
import { beforeEach } from 'vitest';
import { findTool } from './tools.ts';

/** Files whose tests named after clang run it, and tests elsewhere that run it without saying so in their name. */
const RUN_CLANG = [
  /^src\/compiler\/(colour|depfile|environment|languages|output-names|response-file)\.test\.ts > .*\bclang/,
  /^src\/includes\/(installed-headers|search-list|walk-proof|walk)\.test\.ts > .*\bclang/,
  /> a list of hundreds of headers is whole$/,
  /> a nested file is found from the current directory$/,
  /> a file given as a search directory is no list to rely on$/,
  /> an edited comment is a hit once the text of this call is known$/,
];

const clangIsMissing = findTool('clang') === undefined || findTool('clang++') === undefined;

beforeEach(({ task, skip }) => {
  if (!clangIsMissing) return;
  const name = `${task.file.name} > ${task.fullTestName}`;
  if (RUN_CLANG.some((pattern) => pattern.test(name))) skip('no clang on this machine');
});
