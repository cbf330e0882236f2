/** Object storage in memory, for tests of what is read and written rather than of a store. */
import type {
  ListOptions,
  ListPage,
  ObjectStore,
  PutCondition,
  StoredObject,
} from '../functions/storage/object-store.ts';

const PAGE = 1_000;

/** The contract of object storage in memory, conditions included; it counts what would cost a call. */
export class MemoryStore implements ObjectStore {
  readonly objects = new Map<string, { bytes: ArrayBuffer; etag: string }>();
  readonly calls = { get: 0, put: 0, list: 0, delete: 0 };
  #puts = 0;
  /** Of `objects`, where no key came or went since. */
  #sorted: string[] = [];

  async get(key: string, knownEtag?: string): Promise<StoredObject | 'unchanged' | null> {
    this.calls.get++;
    const object = this.objects.get(key) ?? null;
    return object !== null && object.etag === knownEtag ? 'unchanged' : object;
  }

  async put(key: string, bytes: ArrayBuffer, condition?: PutCondition): Promise<string | null> {
    this.calls.put++;
    const etag = this.objects.get(key)?.etag;
    if (condition !== undefined && ('ifMatch' in condition ? condition.ifMatch !== etag : etag !== undefined))
      return null;
    const next = String(++this.#puts);
    if (etag === undefined) this.#sorted = [];
    this.objects.set(key, { bytes, etag: next });
    return next;
  }

  async list({ prefix, delimiter, cursor, startAfter, limit = PAGE }: ListOptions): Promise<ListPage> {
    this.calls.list++;
    if (this.#sorted.length !== this.objects.size) this.#sorted = [...this.objects.keys()].sort();
    const after = cursor ?? startAfter ?? '';
    const keys: string[] = [];
    const prefixes: string[] = [];
    let last = '';
    for (const key of this.#sorted) {
      if (!key.startsWith(prefix) || key <= after || (last.endsWith('/') && key.startsWith(last))) continue;
      if (keys.length + prefixes.length === limit) return { keys, prefixes, cursor: last };
      const end = delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length);
      last = end === -1 ? key : key.slice(0, end + 1);
      (end === -1 ? keys : prefixes).push(last);
    }
    return { keys, prefixes, cursor: undefined };
  }

  async delete(keys: readonly string[]): Promise<void> {
    this.calls.delete++;
    for (const key of keys) this.objects.delete(key);
    this.#sorted = [];
  }
}
