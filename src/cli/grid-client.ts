import { readFileSync } from 'node:fs';
import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { fsPath } from '../base/byte-string.ts';
import type { Settings } from '../config/settings.ts';
import {
  BuildServiceClient,
  type GetWorkerStatusResponse,
  type GetWorkersForBuildResponse,
  type HealthCheckResponse,
} from '../contract/generated/hybridgrid/v1/build.ts';
import { CliError, EXIT } from './exit-codes.ts';

/** The coordinator of these settings, for the questions that commands ask. */
export interface GridClient {
  readonly address: string;
  health(): Promise<HealthCheckResponse>;
  workers(): Promise<GetWorkerStatusResponse>;
  slots(): Promise<GetWorkersForBuildResponse>;
  close(): void;
}

const TIMEOUT_MS = 3_000;

export function gridClient(settings: Settings): GridClient {
  const address = settings['grid.coordinator'];
  if (address === '')
    throw new CliError(
      'no coordinator is set: give --coordinator HOST:PORT, set HG_COORDINATOR or grid.coordinator in hybridgrid.yaml',
    );
  const service = new BuildServiceClient(address, credentials.createInsecure());
  const metadata = new Metadata();
  const token = readToken(settings['grid.token_file']);
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  const ask = <R>(
    method: (q: object, m: Metadata, o: object, done: (error: ServiceError | null, answer: R) => void) => void,
  ): Promise<R> =>
    new Promise((resolve, reject) => {
      method.call(service, {}, metadata, { deadline: Date.now() + TIMEOUT_MS }, (error, answer) => {
        if (error === null) resolve(answer);
        else reject(unreachable(address, error, settings['grid.token_file']));
      });
    });
  return {
    address,
    health: () => ask<HealthCheckResponse>(service.healthCheck),
    workers: () => ask<GetWorkerStatusResponse>(service.getWorkerStatus),
    slots: () =>
      ask<GetWorkersForBuildResponse>((_q, m, o, done) => service.getWorkersForBuild({ toolchains: [] }, m, o, done)),
    close: () => service.close(),
  };
}

/** gRPC's status code for a missing or wrong token. */
const UNAUTHENTICATED = 16;

function unreachable(address: string, error: ServiceError, tokenFile: string): CliError {
  const why =
    error.code === UNAUTHENTICATED
      ? `refuses the token: copy the coordinator's token file to ${tokenFile} (grid.token_file)`
      : `cannot be reached (${error.details}): is hg-coord running there, and is the port open?`;
  return new CliError(`the coordinator ${address} ${why}`, EXIT.negative);
}

/** The token that the grid shares; undefined where there is none. */
export function readToken(path: string): string | undefined {
  try {
    const text = readFileSync(fsPath(path), 'utf8').trim();
    return text === '' ? undefined : text;
  } catch {
    return undefined;
  }
}
