/** The driver of object storage on this machine's disk: calls the Bucket object. */
import type { Bucket } from './bucket.ts';
import type { ListOptions, ListPage, ObjectStore, PutCondition, StoredObject } from './object-store.ts';

/** The one object of a deployment. */
const NAME = 'bucket';

export class BucketStore implements ObjectStore {
  readonly #namespace: DurableObjectNamespace<Bucket>;

  constructor(namespace: DurableObjectNamespace<Bucket>) {
    this.#namespace = namespace;
  }

  // A stub is of no more use after the first error that it met: each call takes its own.
  async get(key: string, knownEtag?: string): Promise<StoredObject | 'unchanged' | null> {
    return this.#namespace.getByName(NAME).get(key, knownEtag);
  }

  async put(key: string, bytes: ArrayBuffer, condition?: PutCondition): Promise<string | null> {
    return this.#namespace.getByName(NAME).put(key, bytes, condition);
  }

  async list(options: ListOptions): Promise<ListPage> {
    return this.#namespace.getByName(NAME).list(options);
  }

  async delete(keys: readonly string[]): Promise<void> {
    return this.#namespace.getByName(NAME).delete(keys);
  }
}
