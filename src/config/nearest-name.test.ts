import { expect, test } from 'vitest';
import { nearestName } from './nearest-name.ts';

test.each([
  ['max_sze', 'max_size'],
  ['mxa_size', 'max_size'],
  ['MAX_SIZE', 'max_size'],
  ['dri', 'dir'],
  ['recahce', 'recache'],
  ['completely_else', undefined],
  ['x', undefined],
  ['', undefined],
])('%s', (name, nearest) => expect(nearestName(name, ['max_size', 'dir', 'recache', 'read_only'])).toBe(nearest));
