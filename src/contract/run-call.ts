import { parted, view } from './fields.ts';
import {
  CompileResponse,
  CompileResult,
  OutputFile,
  RunRequest,
  WorkerServiceService,
} from './generated/hybridgrid/v1/build.ts';

/** `result` in CompileResponse, `outputs` in CompileResult, `data` in OutputFile. */
const RESULT_FIELD = 1;
const OUTPUTS_FIELD = 4;
const DATA_FIELD = 4;

/**
 * A worker's service as a client calls it: neither is the request copied once it is written, nor are the outputs, which are most of an
 * answer. Buffers are no part of V8's heap, and yet it searches all of that for garbage when there were enough of them.
 */
export const RunService = {
  run: {
    ...WorkerServiceService.run,
    requestSerialize: (request: RunRequest): Buffer => view(RunRequest.encode(request).finish()),
    responseDeserialize: readCompileResponse,
  },
} as const;

/** What `CompileResponse.decode` reads, with the outputs' contents as views of the message. Throws where it is none. */
export function readCompileResponse(message: Buffer): CompileResponse {
  const { found, rest } = parted(message, RESULT_FIELD);
  const [result] = found;
  if (result === undefined || found.length > 1 || rest.length > 0) return CompileResponse.decode(message);
  const facts = parted(result, OUTPUTS_FIELD);
  const outputs = facts.found.map(readOutput);
  return { answer: { $case: 'result', value: { ...CompileResult.decode(facts.rest), outputs } } };
}

function readOutput(message: Buffer): OutputFile {
  const { found, rest } = parted(message, DATA_FIELD);
  const file = OutputFile.decode(rest);
  return { ...file, data: found.at(-1) ?? file.data };
}
