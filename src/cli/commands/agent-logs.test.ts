import { expect, test } from 'vitest';
import { readableLine } from './agent-logs.ts';

test.each([
  [
    '{"level":30,"time":1760000000123,"msg":"agent started","pid":7}',
    '2025-10-09 08:53:20.123 info  agent started pid=7',
  ],
  ['{"level":50,"time":0,"error":"no {space}","list":[1]}', '1970-01-01 00:00:00.000 error error=no {space} list=[1]'],
  ['half a line', 'half a line'],
  ['7', '7'],
])('%s', (line, text) => expect(readableLine(line)).toBe(text));
