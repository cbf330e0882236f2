/** The R2 driver of object storage. */
import type { ListOptions, ListPage, ObjectStore, PutCondition, StoredObject } from './object-store.ts';

export class R2Store implements ObjectStore {
  readonly #bucket: R2Bucket;

  constructor(bucket: R2Bucket) {
    this.#bucket = bucket;
  }

  async get(key: string, knownEtag?: string): Promise<StoredObject | 'unchanged' | null> {
    if (knownEtag === undefined) {
      const object = await this.#bucket.get(key);
      return object === null ? null : { bytes: await object.arrayBuffer(), etag: object.etag };
    }
    const object = await this.#bucket.get(key, { onlyIf: { etagDoesNotMatch: knownEtag } });
    if (object === null) return null;
    // R2 answers a failed condition with the object's head, without a body.
    if (!('body' in object)) return 'unchanged';
    return { bytes: await object.arrayBuffer(), etag: object.etag };
  }

  async put(key: string, bytes: ArrayBuffer, condition?: PutCondition): Promise<string | null> {
    const object = await this.#bucket.put(
      key,
      bytes,
      condition === undefined ? {} : { onlyIf: r2Condition(condition) },
    );
    return object === null ? null : object.etag;
  }

  async list(options: ListOptions): Promise<ListPage> {
    const page = await this.#bucket.list(options);
    return {
      keys: page.objects.map((object) => object.key),
      prefixes: page.delimitedPrefixes,
      cursor: page.truncated ? page.cursor : undefined,
    };
  }

  async delete(keys: readonly string[]): Promise<void> {
    // R2 takes at most 1,000 keys a call.
    for (let from = 0; from < keys.length; from += 1000) await this.#bucket.delete(keys.slice(from, from + 1000));
  }
}

function r2Condition(condition: PutCondition): R2Conditional | Headers {
  if ('ifMatch' in condition) return { etagMatches: condition.ifMatch };
  return new Headers({ 'if-none-match': '*' });
}
