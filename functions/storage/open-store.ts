/** Which bucket a deployment stores in: the S3 server that its variables name, else the R2 binding, else the disk of `vigia serve`. */
import { BindingsError } from '../bindings-error.ts';
import type { Bucket } from './bucket.ts';
import { BucketStore } from './bucket-store.ts';
import type { ObjectStore } from './object-store.ts';
import { R2Store } from './r2-store.ts';
import { readS3Settings, type S3Variables } from './s3-settings.ts';
import { S3Store } from './s3-store.ts';

export interface StorageBindings extends S3Variables {
  BUCKET?: R2Bucket;
  BUCKET_ON_DISK?: DurableObjectNamespace<Bucket>;
}

/** @throws BindingsError */
export function openStore(env: StorageBindings): ObjectStore {
  const s3 = readS3Settings(env);
  if (s3 !== null) return new S3Store(s3);
  if (env.BUCKET !== undefined) return new R2Store(env.BUCKET);
  if (env.BUCKET_ON_DISK !== undefined) return new BucketStore(env.BUCKET_ON_DISK);
  throw new BindingsError(
    'BUCKET',
    'no storage is bound; compare your wrangler.toml with the one of the repository, or set STORAGE_S3_ENDPOINT and its neighbours',
  );
}
