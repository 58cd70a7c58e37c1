import { expect, test } from 'vitest';
import { CompileRequest, CompileSpec, CoordinatorMessage } from './generated/hybridgrid/v1/build.ts';
import { packSpec, readCompileQuestion, readSpec, writeCoordinatorSays } from './raw-spec.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const SPEC: CompileSpec = {
  compiler: bytes('/usr/bin/gcc'),
  args: [bytes('-c'), bytes('\xff\xfe.c')],
  cwd: bytes('/w'),
  env: [{ name: bytes('LANG'), value: bytes('C') }],
  toolchain: { digest: Buffer.alloc(32, 7), parts: [] },
  inputs: [
    {
      path: bytes('/w/a.c'),
      node: { $case: 'file', value: { digest: Buffer.alloc(32, 9), size: 5n, mtimeNs: -1n, executable: true } },
    },
    { path: bytes('/l'), node: { $case: 'linkTarget', value: bytes('w') } },
  ],
  outputs: [],
  listArgs: [],
  arch: 'x86_64',
  native: undefined,
};
const REQUEST: CompileRequest = {
  taskId: 't',
  spec: SPEC,
  packedSpec: Buffer.alloc(0),
  action: Buffer.alloc(32, 3),
  blobs: [{ digest: Buffer.alloc(32, 4), data: bytes('data') }],
  timeoutMs: 300,
  storedOnly: true,
  ignoreStored: true,
  client: 'c',
  worker: 'w',
};

test('a request is read as it was written, with its spec as bytes', () => {
  const { request, spec } = readCompileQuestion(Buffer.from(CompileRequest.encode(REQUEST).finish()));
  expect(request).toEqual({ ...REQUEST, spec: undefined });
  expect(spec).toEqual(Buffer.from(CompileSpec.encode(SPEC).finish()));
  expect(readSpec(spec as Buffer)).toEqual(SPEC);
});

test('a packed spec is the spec', () => {
  const bytesOfSpec = Buffer.from(CompileSpec.encode(SPEC).finish());
  const packed = { ...REQUEST, spec: undefined, packedSpec: packSpec(bytesOfSpec) };
  const { request, spec } = readCompileQuestion(Buffer.from(CompileRequest.encode(packed).finish()));
  expect(request).toEqual({ ...REQUEST, spec: undefined });
  expect(spec).toEqual(bytesOfSpec);
  const both = CompileRequest.encode({ ...packed, spec: SPEC }).finish();
  expect(readCompileQuestion(Buffer.from(both)).spec).toBe(undefined);
  const none = CompileRequest.encode({ ...packed, packedSpec: bytes('no zstd') }).finish();
  expect(readCompileQuestion(Buffer.from(none)).spec).toBe(undefined);
});

test('no spec, two specs, or a spec that is none', () => {
  const encoded = Buffer.from(CompileRequest.encode(REQUEST).finish());
  expect(readCompileQuestion(Buffer.alloc(0)).spec).toBe(undefined);
  // What is appended is merged by protobuf: two specs are one that nobody wrote.
  expect(readCompileQuestion(Buffer.concat([encoded, encoded])).spec).toBe(undefined);
  expect(readSpec(Buffer.from([0xff, 0xff]))).toBe(undefined);
  expect(() => readCompileQuestion(encoded.subarray(0, -1))).toThrow();
});

test('a task with the bytes of a spec is the task with the spec', () => {
  const spec = Buffer.from(CompileSpec.encode(SPEC).finish());
  const rawTask = { taskId: 't', spec, timeoutMs: 7, client: 'c' };
  expect(CoordinatorMessage.decode(writeCoordinatorSays({ rawTask }))).toEqual({
    message: { $case: 'task', value: { ...rawTask, spec: SPEC } },
  });
  const cancel: CoordinatorMessage = { message: { $case: 'cancel', value: { taskId: 'x' } } };
  expect(CoordinatorMessage.decode(writeCoordinatorSays(cancel))).toEqual(cancel);
});
