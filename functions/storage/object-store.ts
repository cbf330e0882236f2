/** Object storage as Vigía needs it; a driver for each kind of bucket implements it. */

export interface StoredObject {
  readonly bytes: ArrayBuffer;
  /** Opaque; equal exactly while the object is unchanged. */
  readonly etag: string;
}

/** When a put may happen: only onto this version, or only where nothing stands. */
export type PutCondition = { readonly ifMatch: string } | { readonly ifAbsent: true };

export interface ListPage {
  /** In ascending order of keys. */
  readonly keys: readonly string[];
  /** Common prefixes up to the delimiter, where one was given. */
  readonly prefixes: readonly string[];
  readonly cursor: string | undefined;
}

export interface ListOptions {
  readonly prefix: string;
  readonly delimiter?: string;
  /** Of the page before. */
  readonly cursor?: string;
  /** Only keys after this one; for the first page. */
  readonly startAfter?: string;
  /** At most 1,000, which is the default. */
  readonly limit?: number;
}

export interface ObjectStore {
  /** The object, `null` where there is none, or `unchanged` where its etag still is `knownEtag`. */
  get(key: string, knownEtag?: string): Promise<StoredObject | 'unchanged' | null>;
  /** Its new etag, or `null` where the condition did not hold and nothing was written. */
  put(key: string, bytes: ArrayBuffer, condition?: PutCondition): Promise<string | null>;
  list(options: ListOptions): Promise<ListPage>;
  /** Deleting what is not there is no error. */
  delete(keys: readonly string[]): Promise<void>;
}

/** Every key under a prefix in ascending order, page by page. */
export async function* listAll(
  store: ObjectStore,
  prefix: string,
  startAfter?: string,
): AsyncGenerator<string, void, void> {
  let cursor: string | undefined;
  do {
    const page = await store.list({ prefix, ...(cursor === undefined ? { startAfter } : { cursor }) });
    yield* page.keys;
    cursor = page.cursor;
  } while (cursor !== undefined);
}

/** Names of the folders directly below a prefix that ends with a slash. */
export async function listFolders(store: ObjectStore, prefix: string): Promise<string[]> {
  const folders: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.list({ prefix, delimiter: '/', cursor });
    folders.push(...page.prefixes.map((folder) => folder.slice(prefix.length, -1)));
    cursor = page.cursor;
  } while (cursor !== undefined);
  return folders;
}
