/** The variables that name a server of S3, checked. */
import { BindingsError } from '../bindings-error.ts';

export interface S3Settings {
  /** Such as https://s3.eu-central-1.amazonaws.com; the bucket goes into the path. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of one attempt, its body included. */
  readonly attemptTimeoutMs?: number;
}

const REQUIRED = [
  'STORAGE_S3_ENDPOINT',
  'STORAGE_S3_BUCKET',
  'STORAGE_S3_ACCESS_KEY_ID',
  'STORAGE_S3_SECRET_ACCESS_KEY',
] as const;
export const S3_VARIABLES = [...REQUIRED, 'STORAGE_S3_REGION'] as const;

export type S3Variables = { readonly [Name in (typeof S3_VARIABLES)[number]]?: string };

/** What most servers other than AWS take. */
const DEFAULT_REGION = 'us-east-1';

/**
 * Null where none of the variables is set.
 * @throws BindingsError where some are, and not all that are needed
 */
export function readS3Settings(env: S3Variables): S3Settings | null {
  if (!S3_VARIABLES.some((name) => env[name]?.trim())) return null;
  const read = (name: (typeof REQUIRED)[number]): string => {
    const value = env[name]?.trim();
    if (value) return value;
    throw new BindingsError(name, `is missing; storage by S3 needs ${REQUIRED.join(', ')}`);
  };
  const endpoint = read('STORAGE_S3_ENDPOINT');
  if (!/^https?:$/.test(URL.parse(endpoint)?.protocol ?? ''))
    throw new BindingsError('STORAGE_S3_ENDPOINT', 'must be a URL such as https://s3.eu-central-1.amazonaws.com');
  return {
    endpoint,
    bucket: read('STORAGE_S3_BUCKET'),
    region: env.STORAGE_S3_REGION?.trim() || DEFAULT_REGION,
    accessKeyId: read('STORAGE_S3_ACCESS_KEY_ID'),
    secretAccessKey: read('STORAGE_S3_SECRET_ACCESS_KEY'),
  };
}
