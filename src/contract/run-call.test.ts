import { expect, test } from 'vitest';
import { CompileResponse, type CompileResult, RunRequest } from './generated/hybridgrid/v1/build.ts';
import { RunService, readCompileResponse } from './run-call.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const OUTPUT = {
  role: 'object',
  digest: Buffer.alloc(32, 5),
  size: 4n,
  data: bytes('data'),
  present: true,
  packed: false,
};
const RESULT: CompileResult = {
  exitCode: 1,
  stdout: bytes('out'),
  stderr: bytes('\xff'),
  outputs: [OUTPUT, { ...OUTPUT, role: 'dwo', data: Buffer.alloc(0) }, { ...OUTPUT, role: 'su', present: false }],
  lists: [bytes('a.o: a.c'), Buffer.alloc(0)],
  compileMs: 5,
  cpuMs: 6,
  queueMs: 7,
  workerId: 'w',
  fromCache: true,
  listsPacked: true,
};
const encoded = (response: CompileResponse): Buffer => Buffer.from(CompileResponse.encode(response).finish());

test.each<CompileResponse>([
  { answer: { $case: 'result', value: RESULT } },
  { answer: { $case: 'result', value: { ...RESULT, outputs: [], lists: [] } } },
  { answer: { $case: 'missing', value: { digests: [Buffer.alloc(32, 1)] } } },
  { answer: { $case: 'declined', value: { reason: 'r', detail: 'd', missing: [Buffer.alloc(32, 2)] } } },
  { answer: undefined },
])('an answer is read as it was written: %o', (answer) => {
  expect(readCompileResponse(encoded(answer))).toEqual(answer);
});

test('outputs are not copied out of the message', () => {
  const message = encoded({ answer: { $case: 'result', value: RESULT } });
  const read = readCompileResponse(message).answer;
  expect(read?.$case === 'result' && read.value.outputs[0]?.data.buffer).toBe(message.buffer);
});

test('of several answers the last one counts, whatever order they come in', () => {
  const result = encoded({ answer: { $case: 'result', value: RESULT } });
  const declined = encoded({ answer: { $case: 'declined', value: { reason: 'r', detail: '', missing: [] } } });
  for (const message of [
    Buffer.concat([result, declined]),
    Buffer.concat([declined, result]),
    Buffer.concat([result, result]),
  ])
    expect(readCompileResponse(message)).toEqual(CompileResponse.decode(message));
});

test('what is no answer is no answer', () => {
  const message = encoded({ answer: { $case: 'result', value: RESULT } });
  expect(() => readCompileResponse(message.subarray(0, -1))).toThrow();
});

test('a question is what the worker reads', () => {
  const grant = { taskId: 't', workerId: 'w', address: 'a:1', expiresUnixMs: 5n, ticket: bytes('ticket') };
  const question: RunRequest = {
    grant,
    action: Buffer.alloc(32, 1),
    client: 'c',
    packedSpec: bytes('spec'),
    packedBlobs: bytes('blobs'),
    timeoutMs: 300,
  };
  expect(RunRequest.decode(RunService.run.requestSerialize(question))).toEqual(question);
});
