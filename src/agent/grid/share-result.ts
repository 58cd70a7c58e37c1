import { toBytes } from '../../base/byte-string.ts';
import type { Digest } from '../../base/digest.ts';
import type { NewEntry, StoredOutput } from '../../cache/manifest.ts';
import type { CompileResult, OutputFile } from '../../contract/generated/hybridgrid/v1/build.ts';
import { INLINE_LIMIT, packLists, packOutput } from '../../contract/packed.ts';
import type { OpenCache } from '../caches.ts';
import type { Description } from '../describe.ts';
import type { CompilePlan } from '../plan.ts';
import type { CompileEnded } from '../wire.ts';
import { sawWhatWasShipped } from './as-shipped.ts';
import type { Grid, Shipment } from './grid.ts';
import { makeShipment, type ShipmentServices } from './shipment.ts';

/** Larger results stay at home. In bytes. */
const LIMIT = 64 << 20;

/** A compile that was made here and stored. */
export interface MadeHere {
  readonly description: Description;
  readonly plan: CompilePlan;
  readonly ended: CompileEnded;
  readonly entry: NewEntry;
  readonly cache: OpenCache;
}

/**
 * Offers a result to everybody else; nobody waits for it. `shipment`: what others would ask for, if it was made before the
 * compile; one made now says the same if nothing has changed since, which is proved in either case.
 */
export async function shareResult(
  made: MadeHere,
  shipment: Shipment | undefined,
  grid: Grid,
  services: ShipmentServices,
): Promise<void> {
  const { description, plan, entry, cache } = made;
  if (entry.outputs.reduce((sum, { ref }) => sum + ref.size, 0) > LIMIT) return;
  const asked = shipment ?? (await makeShipment(description, plan, services));
  if ('kind' in asked || !sawWhatWasShipped(entry, asked.elsewhere)) return;
  const outputs = await Promise.all(entry.outputs.map((output) => outputOf(output, cache)));
  if (outputs.some((output) => output === undefined)) return;
  const refs = new Map<Digest, StoredOutput['ref']>(entry.outputs.map(({ ref }) => [ref.digest, ref]));
  await grid.report(asked.action, resultOf(made, outputs as OutputFile[]), async (digest) => {
    const ref = refs.get(digest);
    return ref === undefined ? undefined : cache.blobs.read(ref);
  });
}

/** Undefined where the cache has lost it meanwhile. */
async function outputOf({ role, ref }: StoredOutput, cache: OpenCache): Promise<OutputFile | undefined> {
  const data = ref.size <= INLINE_LIMIT ? await cache.blobs.read(ref) : Buffer.alloc(0);
  if (data === undefined) return undefined;
  const said = { role, digest: Buffer.from(ref.digest, 'hex'), size: BigInt(ref.size) };
  return packOutput({ ...said, data, present: true, packed: false });
}

function resultOf({ ended, entry }: MadeHere, outputs: OutputFile[]): CompileResult {
  return {
    exitCode: 0,
    stdout: Buffer.alloc(0),
    stderr: toBytes(ended.stderr),
    outputs,
    ...packLists(ended.lists.map(toBytes)),
    compileMs: Math.round(entry.compileMs),
    cpuMs: Math.round(entry.cpuMs),
    queueMs: 0,
    workerId: '',
    fromCache: false,
  };
}
