import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sha256 } from '../../base/digest.ts';
import { InputNode } from '../../contract/generated/hybridgrid/v1/build.ts';
import { takeSight } from '../file-snapshot.ts';
import { fileStates } from '../file-state.ts';
import { type NodeMemory, nodeSet, type SentNode } from './node-set.ts';

let dir: string;
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'hg-nodes-')));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const files = fileStates(() => BigInt(Date.now()) * 1_000_000n);

/** What is read where the nodes arrive, by path. */
function arrived(nodes: readonly SentNode[]): Record<string, unknown> {
  const read = nodes.map(({ bytes }) => InputNode.decode(bytes.subarray(bytes.length < 129 ? 1 : 2)));
  return Object.fromEntries(read.map(({ path, node }) => [String(path).replace(dir, ''), node]));
}

const file = (text: string, executable = false) => ({
  $case: 'file',
  value: { digest: Buffer.from(sha256(text), 'hex'), size: BigInt(text.length), mtimeNs: 0n, executable },
});

test('files come with the links on their ways, and with the directories that dots pass', () => {
  for (const name of ['inc', 'inc/sub', 'other']) mkdirSync(join(dir, name));
  writeFileSync(join(dir, 'inc/a.h'), 'int a;\n');
  symlinkSync('inc', join(dir, 'include'));
  const set = nodeSet(takeSight(files), {});
  expect(set.addFile(`${dir}/include/sub/../a.h`)).toBe(true);
  expect(set.addFile(`${dir}/inc/a.h`)).toBe(true);
  expect(set.addFile(`${dir}/inc/none.h`)).toBe(false);
  expect(set.addFile(`${dir}/inc`)).toBe(false);
  set.addDirectory(`${dir}/other`);
  const sent = arrived(set.sorted());
  expect(sent).toMatchObject({
    '/inc/a.h': file('int a;\n'),
    '/inc/sub': { $case: 'directory', value: true },
    '/include': { $case: 'linkTarget', value: Buffer.from('inc') },
    '/other': { $case: 'directory', value: true },
  });
  expect(set.size).toBe(Object.keys(sent).length);
  const paths = set.sorted().map(({ at }) => at.path);
  expect(paths).toEqual([...paths].sort((a, b) => (a < b ? -1 : 1)));
});

test('what is remembered of a path is what lies there now', () => {
  const memory: NodeMemory = {};
  const sentOf = (executable = false): unknown => {
    const set = nodeSet(takeSight(files), memory);
    set.addFile(`${dir}/a.h`, executable);
    set.addDirectory(`${dir}/a.h`);
    return arrived(set.sorted())['/a.h'];
  };
  writeFileSync(join(dir, 'a.h'), 'one\n');
  expect(sentOf()).toEqual(file('one\n'));
  expect(sentOf(true)).toEqual(file('one\n', true));
  writeFileSync(join(dir, 'a.h'), 'another\n');
  expect(sentOf()).toEqual(file('another\n'));
  rmSync(join(dir, 'a.h'));
  mkdirSync(join(dir, 'a.h'));
  expect(sentOf()).toEqual({ $case: 'directory', value: true });
});

test('nodes are written once for many sets', () => {
  const memory: NodeMemory = {};
  writeFileSync(join(dir, 'a.h'), 'one\n');
  const nodesOf = (): readonly SentNode[] => {
    const set = nodeSet(takeSight(files), memory);
    set.addFile(`${dir}/a.h`);
    return set.sorted();
  };
  expect(nodesOf()[0]).toBe(nodesOf()[0]);
});
