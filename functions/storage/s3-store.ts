/** The S3 driver of object storage, for any server that honours conditional puts (AWS, Ceph, MinIO, …). */
import { sha256Hex } from '../http/sha256.ts';
import type { ListOptions, ListPage, ObjectStore, PutCondition, StoredObject } from './object-store.ts';
import type { S3Client } from './s3-sdk.ts';
import type { S3Settings } from './s3-settings.ts';
import { S3Transport } from './s3-transport.ts';
import { StorageError, type StorageOperation } from './storage-error.ts';

const ATTEMPT_TIMEOUT_MS = 5_000;
/** Times between them grow from 100 ms, with jitter (the SDK's standard mode). */
const MAX_ATTEMPTS = 3;
/** Characters of what the server says. */
const MAX_MESSAGE = 300;
/** S3 takes so many keys a call. */
const DELETED_AT_ONCE = 1_000;

/** Metadata of each object: the hash of its bytes, and which call of put wrote it. */
const HASH = 'sha256';
const PUT_ID = 'put';

export class S3Store implements ObjectStore {
  readonly #settings: S3Settings;
  /** Kept, since it learns by how much this clock is wrong. */
  #client: S3Client | undefined;

  constructor(settings: S3Settings) {
    this.#settings = settings;
  }

  /** @throws StorageError, also where what arrived is not what was put */
  async get(key: string, knownEtag?: string): Promise<StoredObject | 'unchanged' | null> {
    const { client, sdk, bucket } = await this.#connect();
    try {
      const command = new sdk.GetObjectCommand({
        Bucket: bucket,
        Key: key,
        IfNoneMatch: knownEtag && `"${knownEtag}"`,
      });
      const { Body, ETag, Metadata } = await client.send(command);
      const bytes = (await Body?.transformToByteArray())?.slice().buffer ?? new ArrayBuffer(0);
      const [expected, actual] = [Metadata?.[HASH], sha256Hex(bytes)];
      if (expected !== undefined && expected !== actual)
        throw this.#error('get', key, 'HashMismatch', `its SHA-256 is ${actual}, put was ${expected}`);
      return { bytes, etag: bare(ETag) };
    } catch (error) {
      if (statusOf(error) === 304) return 'unchanged';
      if (nameOf(error) === 'NoSuchKey') return null;
      throw this.#explained(error, 'get', key);
    }
  }

  /**
   * An answer that is lost leaves open whether the put happened, and the SDK's next attempt then meets its own object.
   * So each put carries an id, and one that failed looks whose object stands there.
   * @throws StorageError
   */
  async put(key: string, bytes: ArrayBuffer, condition?: PutCondition): Promise<string | null> {
    const { client, sdk, bucket } = await this.#connect();
    const id = crypto.randomUUID();
    try {
      const command = new sdk.PutObjectCommand({
        Bucket: bucket,
        Key: key,
        Body: new Uint8Array(bytes),
        Metadata: { [HASH]: sha256Hex(bytes), [PUT_ID]: id },
        ...(condition === undefined ? {} : s3Condition(condition)),
      });
      return bare((await client.send(command)).ETag);
    } catch (error) {
      const written = await this.#etagOfPut(key, id).catch(() => null);
      if (written !== null) return written;
      if (condition !== undefined && isFailedCondition(error)) return null;
      throw this.#explained(error, 'put', key);
    }
  }

  /** Null where the object is another put's, or none. */
  async #etagOfPut(key: string, id: string): Promise<string | null> {
    const { client, sdk, bucket } = await this.#connect();
    const { Metadata, ETag } = await client.send(new sdk.HeadObjectCommand({ Bucket: bucket, Key: key }));
    return Metadata?.[PUT_ID] === id ? bare(ETag) : null;
  }

  /** @throws StorageError */
  async list({ prefix, delimiter, cursor, startAfter, limit }: ListOptions): Promise<ListPage> {
    const { client, sdk, bucket } = await this.#connect();
    try {
      const command = new sdk.ListObjectsV2Command({
        Bucket: bucket,
        Prefix: prefix,
        Delimiter: delimiter,
        ContinuationToken: cursor,
        StartAfter: startAfter,
        MaxKeys: limit,
      });
      const page = await client.send(command);
      return {
        keys: (page.Contents ?? []).flatMap(({ Key }) => Key ?? []),
        prefixes: (page.CommonPrefixes ?? []).flatMap(({ Prefix }) => Prefix ?? []),
        cursor: page.IsTruncated ? page.NextContinuationToken : undefined,
      };
    } catch (error) {
      throw this.#explained(error, 'list', prefix);
    }
  }

  /** @throws StorageError, where some keys may be gone and others not */
  async delete(keys: readonly string[]): Promise<void> {
    const { client, sdk, bucket } = await this.#connect();
    for (let from = 0; from < keys.length; from += DELETED_AT_ONCE) {
      const batch = keys.slice(from, from + DELETED_AT_ONCE);
      const [first = ''] = batch;
      try {
        const Objects = batch.map((Key) => ({ Key }));
        const { Errors = [] } = await client.send(
          new sdk.DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }),
        );
        const [failed] = Errors;
        if (failed !== undefined)
          throw this.#error('delete', failed.Key ?? first, failed.Code ?? 'unknown', failed.Message ?? '');
      } catch (error) {
        throw this.#explained(error, 'delete', first);
      }
    }
  }

  /** The SDK is loaded where storage is S3, and by the first request that needs it. */
  async #connect(): Promise<{ client: S3Client; sdk: typeof import('./s3-sdk.ts'); bucket: string }> {
    const sdk = await import('./s3-sdk.ts');
    const { endpoint, bucket, region, accessKeyId, secretAccessKey, attemptTimeoutMs } = this.#settings;
    this.#client ??= new sdk.S3Client({
      endpoint,
      region,
      credentials: { accessKeyId, secretAccessKey },
      forcePathStyle: true,
      maxAttempts: MAX_ATTEMPTS,
      retryMode: 'standard',
      requestHandler: new S3Transport(attemptTimeoutMs ?? ATTEMPT_TIMEOUT_MS),
      // Ours is the SHA-256 above: many servers know none of the newer checksums.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
    return { client: this.#client, sdk, bucket };
  }

  #explained(error: unknown, operation: StorageOperation, key: string): StorageError {
    if (error instanceof StorageError) return error;
    const message = (error instanceof Error ? error.message : String(error)).slice(0, MAX_MESSAGE);
    return this.#error(operation, key, nameOf(error).slice(0, MAX_MESSAGE), message, statusOf(error), error);
  }

  #error(
    operation: StorageOperation,
    key: string,
    code: string,
    message: string,
    status: number | null = null,
    cause?: unknown,
  ): StorageError {
    const { endpoint, bucket } = this.#settings;
    const answer = status === null ? code : `${code} (${status})`;
    const remedy = Object.hasOwn(REMEDIES, code) ? `; ${REMEDIES[code]}` : '';
    return new StorageError(
      { operation, key, code, status },
      `S3 ${operation} of ${key} in bucket ${bucket} at ${endpoint}: ${answer}: ${message}${remedy}`,
      { cause },
    );
  }
}

/** By the server's code, what the operator can do. */
const REMEDIES: Readonly<Record<string, string>> = {
  NoSuchBucket: 'create it, or mend STORAGE_S3_BUCKET',
  InvalidAccessKeyId: 'mend STORAGE_S3_ACCESS_KEY_ID',
  SignatureDoesNotMatch: 'mend STORAGE_S3_SECRET_ACCESS_KEY',
  AccessDenied: 'allow this key s3:GetObject, PutObject, DeleteObject and ListBucket',
  PermanentRedirect: 'mend STORAGE_S3_REGION',
  NotImplemented: 'this server lacks what Vigía needs, such as conditional puts',
  AttemptError: `tried ${MAX_ATTEMPTS} times; see whether STORAGE_S3_ENDPOINT answers`,
};

/** Without its quotes: Ceph 16 compares what a put says with the bare hash. AWS takes both. */
function bare(etag = ''): string {
  return etag.replaceAll('"', '');
}

function s3Condition(condition: PutCondition): { IfMatch: string } | { IfNoneMatch: '*' } {
  return 'ifMatch' in condition ? { IfMatch: condition.ifMatch } : { IfNoneMatch: '*' };
}

/** 412; or 404, where the object that should match is gone. */
function isFailedCondition(error: unknown): boolean {
  return statusOf(error) === 412 || nameOf(error) === 'NoSuchKey';
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown';
}

function statusOf(error: unknown): number | null {
  if (!(error instanceof Error) || !('$metadata' in error)) return null;
  const metadata: unknown = error.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return null;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : null;
}
