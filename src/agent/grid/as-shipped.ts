import type { NewEntry } from '../../cache/manifest.ts';
import { identityNow } from '../inputs.ts';
import type { Elsewhere } from '../store-result.ts';

/**
 * Whether a compile made here saw what its shipment says. The files were looked at before it began: one that changed in
 * between would give the result of the new content to everybody who asks for that of the old.
 */
export function sawWhatWasShipped(
  { inputs, present, absent }: Pick<NewEntry, 'inputs' | 'present' | 'absent'>,
  { sight, shipped }: Elsewhere,
): boolean {
  const { files, ways } = sight;
  const isShipped = (path: string): boolean => shipped.has(ways.find(path)?.real ?? '');
  return (
    inputs.every((input) => (input.flags !== 0 || isShipped(input.path)) && isAsSeen(input)) &&
    present.every(isShipped) &&
    absent.every(({ dir, names }) => names.every((name) => !isShipped(`${dir}/${name}`)))
  );

  function isAsSeen(input: NewEntry['inputs'][number]): boolean {
    return identityNow(input, files, ways) === input.digest;
  }
}
