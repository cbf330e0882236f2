/** Which bucket a deployment stores in: any S3 server that its variables name, else the R2 binding. */
import { BindingsError } from '../bindings-error.ts';
import type { ObjectStore } from './object-store.ts';
import { R2Store } from './r2-store.ts';
import { type S3Settings, S3Store } from './s3-store.ts';

export interface StorageBindings {
  BUCKET?: R2Bucket;
  STORAGE_S3_ENDPOINT?: string;
  STORAGE_S3_BUCKET?: string;
  STORAGE_S3_REGION?: string;
  STORAGE_S3_ACCESS_KEY_ID?: string;
  STORAGE_S3_SECRET_ACCESS_KEY?: string;
}

const REQUIRED = [
  'STORAGE_S3_ENDPOINT',
  'STORAGE_S3_BUCKET',
  'STORAGE_S3_ACCESS_KEY_ID',
  'STORAGE_S3_SECRET_ACCESS_KEY',
] as const;

/** What most servers other than AWS take. */
const DEFAULT_REGION = 'us-east-1';

/** @throws BindingsError */
export function openStore(env: StorageBindings): ObjectStore {
  if ([...REQUIRED, 'STORAGE_S3_REGION' as const].some((name) => env[name])) return new S3Store(readS3Settings(env));
  if (env.BUCKET !== undefined) return new R2Store(env.BUCKET);
  throw new BindingsError(
    'BUCKET',
    'no storage is bound; compare your wrangler.toml with the one of the repository, or set STORAGE_S3_ENDPOINT and its neighbours',
  );
}

/** @throws BindingsError */
function readS3Settings(env: StorageBindings): S3Settings {
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
