/** What a request's environment says of S3, by the names that every other program takes, too. */
export interface S3Environment {
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  readonly sessionToken?: string;
  readonly region?: string;
  readonly endpoint?: string;
}

/** The variables that S3 is read from. The launcher hands them over (native/variables.h). */
export const S3_VARIABLES = [
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_REGION',
  'AWS_DEFAULT_REGION',
  'AWS_ENDPOINT_URL',
  'AWS_ENDPOINT_URL_S3',
] as const;

/** Reads {@link S3_VARIABLES}; empty ones count as not set. `variable` is asked for one variable. */
export function s3Environment(variable: (name: string) => string | undefined): S3Environment {
  const read = (...names: readonly (typeof S3_VARIABLES)[number][]): string | undefined =>
    names.map(variable).find((value) => value !== undefined && value !== '');
  const values = {
    accessKeyId: read('AWS_ACCESS_KEY_ID'),
    secretAccessKey: read('AWS_SECRET_ACCESS_KEY'),
    sessionToken: read('AWS_SESSION_TOKEN'),
    region: read('AWS_REGION', 'AWS_DEFAULT_REGION'),
    endpoint: read('AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'),
  };
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

/** Whether a variable may hold what opens a storage: it is written to no file. */
export function isSecretVariable(name: string): boolean {
  return name.startsWith('AWS_') || name === 'HG_REMOTE_STORAGE';
}
