import { describe, expect, test } from 'vitest';
import { CliError } from './exit-codes.ts';
import { parseCommandLine } from './global-flags.ts';

describe('our own flags stand before the command', () => {
  test('everything after the word belongs to the command', () => {
    const line = parseCommandLine(['-v', 'make', '-v', '--json', '--', '-j8']);
    expect(line).toMatchObject({ word: 'make', rest: ['-v', '--json', '--', '-j8'], json: false });
    expect(line.flags).toEqual([{ key: 'compile.verbose', flag: '--verbose', text: 'true' }]);
  });

  test.each([[['--cache-dir', '/c', 'stats']], [['--cache-dir=/c', 'stats']]])('%j', (args) => {
    const line = parseCommandLine(args);
    expect(line.flags).toEqual([{ key: 'cache.dir', flag: '--cache-dir', text: '/c' }]);
    expect(line.word).toBe('stats');
  });

  test('short ones may share a dash', () => {
    expect(parseCommandLine(['-vq', 'make']).flags.map(({ key }) => key)).toEqual(['compile.verbose', 'compile.quiet']);
  });

  test('no command at all', () => {
    expect(parseCommandLine(['--json'])).toMatchObject({ word: undefined, rest: [], json: true });
    expect(parseCommandLine([])).toMatchObject({ word: undefined, help: false });
  });

  test('--config', () => expect(parseCommandLine(['--config', 'f', 'x']).configFile).toBe('f'));

  test.each([
    [['--verbos'], 'unknown flag --verbos; did you mean --verbose?'],
    [['-x'], 'unknown flag -x; see `hgbuild --help`'],
    [['--cache-dir'], '--cache-dir needs a value: --cache-dir DIR'],
    [['--cache-dir='], '--cache-dir needs a value: --cache-dir DIR'],
    [['--quiet=yes'], '--quiet takes no value'],
  ])('%j', (args, message) => {
    expect(() => parseCommandLine(args)).toThrow(new CliError(message));
  });
});
