/** Object storage that breaks for good at a call of its choice, as for a run whose process is killed there. */
import type {
  ListOptions,
  ListPage,
  ObjectStore,
  PutCondition,
  StoredObject,
} from '../functions/storage/object-store.ts';

export class FaultyStore implements ObjectStore {
  readonly #store: ObjectStore;
  readonly #breaks: (call: number, key: string) => boolean;
  #broken = false;
  calls = 0;

  /** @param breaks asked before each call, the first is 0 */
  constructor(store: ObjectStore, breaks: (call: number, key: string) => boolean) {
    this.#store = store;
    this.#breaks = breaks;
  }

  get broken(): boolean {
    return this.#broken;
  }

  get(key: string, knownEtag?: string): Promise<StoredObject | 'unchanged' | null> {
    return this.#try(key, () => this.#store.get(key, knownEtag));
  }

  put(key: string, bytes: ArrayBuffer, condition?: PutCondition): Promise<string | null> {
    return this.#try(key, () => this.#store.put(key, bytes, condition));
  }

  list(options: ListOptions): Promise<ListPage> {
    return this.#try(options.prefix, () => this.#store.list(options));
  }

  delete(keys: readonly string[]): Promise<void> {
    return this.#try(keys.join(' '), () => this.#store.delete(keys));
  }

  async #try<T>(key: string, call: () => Promise<T>): Promise<T> {
    this.#broken ||= this.#breaks(this.calls++, key);
    if (this.#broken) throw new Error(`ended at call ${this.calls - 1}, ${key}`);
    return call();
  }
}
