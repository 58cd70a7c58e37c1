import { Metadata, type ServiceError } from '@grpc/grpc-js';
import { type GridCredentials, readGridCredentials } from '../config/grid-credentials.ts';
import type { Settings } from '../config/settings.ts';
import { channelOf } from '../contract/channel.ts';
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
  const { token, tls } = credentialsOf(settings);
  const service = new BuildServiceClient(address, channelOf(tls));
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  const ask = <R>(
    method: (q: object, m: Metadata, o: object, done: (error: ServiceError | null, answer: R) => void) => void,
  ): Promise<R> =>
    new Promise((resolve, reject) => {
      method.call(service, {}, metadata, { deadline: Date.now() + TIMEOUT_MS }, (error, answer) => {
        if (error === null) resolve(answer);
        else reject(unreachable(address, error, settings));
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

/** The token and certificates that the settings name; a file that cannot be read ends the command. */
export function credentialsOf(settings: Settings): GridCredentials {
  try {
    return readGridCredentials(settings);
  } catch (error) {
    throw new CliError((error as Error).message);
  }
}

/** gRPC's status code for a missing or wrong token. */
const UNAUTHENTICATED = 16;

function unreachable(address: string, error: ServiceError, settings: Settings): CliError {
  const why =
    error.code === UNAUTHENTICATED
      ? `refuses the token: copy the coordinator's token file to ${settings['grid.token_file']} (grid.token_file)`
      : `cannot be reached (${reasonIn(error.details)}): ${remedyFor(error.details, settings['grid.tls_ca'])}`;
  return new CliError(`the coordinator ${address} ${why}`, EXIT.negative);
}

/** What gRPC says of a connection, without what it says around it. */
function reasonIn(details: string): string {
  return /Last error: (?:Error: )?(.*?)\.? Resolution note/s.exec(details)?.[1]?.trim() ?? details;
}

function remedyFor(details: string, authorities: string): string {
  // What answers a connection and then breaks it off mostly speaks TLS, or does not.
  if (/\b(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ETIMEDOUT)\b|Deadline|resolution/.test(details))
    return 'is hg-coord running there, and is the port open?';
  return authorities === ''
    ? 'does it speak TLS? Then name its authorities with --tls-ca (grid.tls_ca)'
    : `does it speak TLS with a certificate that ${authorities} vouches for, or ask for yours (--tls-cert)?`;
}

/** `HOST:PORT` of the settings in its parts; an IPv6 address without its brackets. */
export function hostAndPort(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(address.slice(colon + 1)) };
}
