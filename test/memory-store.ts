/** Object storage in memory, for tests of what is read and written rather than of a store. */
import type { ListPage, ObjectStore, PutCondition, StoredObject } from '../functions/storage/object-store.ts';

/** The contract of object storage in memory, conditions included. */
export class MemoryStore implements ObjectStore {
  readonly objects = new Map<string, { bytes: ArrayBuffer; etag: string }>();
  #puts = 0;

  async get(key: string, knownEtag?: string): Promise<StoredObject | 'unchanged' | null> {
    const object = this.objects.get(key) ?? null;
    return object !== null && object.etag === knownEtag ? 'unchanged' : object;
  }

  async put(key: string, bytes: ArrayBuffer, condition?: PutCondition): Promise<string | null> {
    const etag = this.objects.get(key)?.etag;
    if (condition !== undefined && ('ifMatch' in condition ? condition.ifMatch !== etag : etag !== undefined))
      return null;
    const next = String(++this.#puts);
    this.objects.set(key, { bytes, etag: next });
    return next;
  }

  async list({ prefix }: { prefix: string }): Promise<ListPage> {
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
    return { keys, prefixes: [], cursor: undefined };
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.objects.delete(key);
  }
}
