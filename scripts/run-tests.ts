/**
 * `make test`: types, lint, the walls between the rooms, then every other test. The last line is exactly
 * `N passed, N failed, N skipped`; a skipped test says why above it. Exit status 1 when anything failed.
 * Arguments are file filters, as with `vitest run`.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Reporter, TestCase, TestModule } from 'vitest/node';
import { startVitest } from 'vitest/node';

interface Tally {
  passed: number;
  failed: number;
  readonly skipped: string[];
}

const ROOT = join(import.meta.dirname, '..');
/** The walls come first: a broken wall explains more failures than any other test. */
const FIRST = 'test/layers.test.ts';

/** Runs one command line tool as if it were one test; its own output is the diagnosis. */
function runTool(tally: Tally, name: string, command: string, args: readonly string[]): void {
  const { status, error } = spawnSync(join(ROOT, 'node_modules/.bin', command), args, { cwd: ROOT, stdio: 'inherit' });
  const passed = status === 0;
  console.log(`${passed ? 'ok' : 'FAILED'}: ${name}${error ? ` (${error.message})` : ''}`);
  if (passed) tally.passed += 1;
  else tally.failed += 1;
}

/** Adds up what vitest reports. Errors outside of any test (a file that does not load, a broken hook) count as failed. */
function tallyReporter(tally: Tally): Reporter {
  return {
    onTestCaseResult(test: TestCase) {
      const result = test.result();
      if (result.state === 'passed') tally.passed += 1;
      else if (result.state === 'failed') tally.failed += 1;
      else if (result.state === 'skipped') {
        // Some say the reason in their name, "(skipped: no strace)"; all others have to note it.
        const reason = result.note ?? (test.fullName.includes('(skipped') ? undefined : 'no reason given');
        tally.skipped.push([test.module.relativeModuleId, test.fullName, reason].filter(Boolean).join(': '));
      }
    },
    onTestModuleEnd(module: TestModule) {
      tally.failed += module.errors().length;
      for (const suite of module.children.allSuites()) tally.failed += suite.errors().length;
    },
    onTestRunEnd(_modules, unhandledErrors) {
      tally.failed += unhandledErrors.length;
    },
  };
}

async function runVitest(tally: Tally, filters: readonly string[], exclude: readonly string[]): Promise<void> {
  const vitest = await startVitest('test', [...filters], {
    root: ROOT,
    watch: false,
    run: true,
    passWithNoTests: true,
    exclude: ['**/node_modules/**', ...exclude],
    reporters: ['default', tallyReporter(tally)],
  });
  await vitest.close();
}

async function main(filters: readonly string[]): Promise<void> {
  const tally: Tally = { passed: 0, failed: 0, skipped: [] };
  if (filters.length === 0) {
    runTool(tally, 'types', 'tsc', ['-p', '.']);
    runTool(tally, 'lint', 'biome', ['check']);
    await runVitest(tally, [FIRST], []);
    await runVitest(tally, [], [FIRST]);
  } else await runVitest(tally, filters, []);
  for (const line of tally.skipped) console.log(`skipped: ${line}`);
  console.log(`${tally.passed} passed, ${tally.failed} failed, ${tally.skipped.length} skipped`);
  process.exit(tally.failed === 0 ? 0 : 1);
}

await main(process.argv.slice(2));
