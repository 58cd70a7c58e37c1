import { readFileSync } from 'node:fs';
import { fsPath, toBytes } from '../../base/byte-string.ts';
import { type Digest, sha256 } from '../../base/digest.ts';
import type { CompileResult, OutputFile } from '../../contract/generated/hybridgrid/v1/build.ts';
import { packLists, packOutput } from '../../contract/packed.ts';
import type { CompilePlan } from '../plan.ts';
import type { CompileEnded } from '../wire.ts';
import type { Grid, Shipment } from './grid.ts';

/** Larger outputs stay at home: the build waits for none of this, but memory is held meanwhile. */
const LIMIT = 64 << 20;
/** Outputs up to this size travel inside the message. */
const INLINE = 64 << 10;

/** A result made here, read before its files move into the cache. */
export interface SharedResult {
  readonly shipment: Shipment;
  readonly result: CompileResult;
  readonly contents: ReadonlyMap<Digest, Buffer>;
}

/** Undefined where an output cannot be read or is too large. */
export function readResult(shipment: Shipment, plan: CompilePlan, ended: CompileEnded): SharedResult | undefined {
  const contents = new Map<Digest, Buffer>();
  const outputs: OutputFile[] = [];
  let total = 0;
  for (const [i, { output, to }] of plan.captures.entries()) {
    if (ended.captures[i] !== 'ok') continue;
    try {
      const data = readFileSync(fsPath(to));
      total += data.length;
      if (total > LIMIT) return undefined;
      const digest = sha256(data);
      contents.set(digest, data);
      const inline = data.length <= INLINE ? data : Buffer.alloc(0);
      const said = { role: output.role, digest: Buffer.from(digest, 'hex'), size: BigInt(data.length) };
      outputs.push(packOutput({ ...said, data: inline, present: true, packed: false }));
    } catch {
      return undefined;
    }
  }
  const result: CompileResult = {
    exitCode: 0,
    stdout: Buffer.alloc(0),
    stderr: toBytes(ended.stderr),
    outputs,
    ...packLists(ended.lists.map(toBytes)),
    compileMs: Math.round(Number(ended.endedNs - ended.startedNs) / 1e6),
    cpuMs: Math.round(ended.cpuUs / 1000),
    queueMs: 0,
    workerId: '',
    fromCache: false,
  };
  return { shipment, result, contents };
}

/** Offers the result to everybody else. Nobody waits for it. */
export function shareResult({ shipment, result, contents }: SharedResult, grid: Grid): Promise<void> {
  return grid.report(shipment.action, result, contents);
}
