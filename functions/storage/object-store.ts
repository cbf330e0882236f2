/** Object storage as Vigía needs it; a driver for each kind of bucket implements it. */
import { StorageError } from './storage-error.ts';

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

/** So many pages of 1,000 keys: ten million objects of a group, a hundred thousand groups or versions. */
const MAX_KEY_PAGES = 10_000;
const MAX_FOLDER_PAGES = 100;

/** @throws StorageError where a server hands out pages without end */
async function* listPages(store: ObjectStore, first: ListOptions, max: number): AsyncGenerator<ListPage, void, void> {
  let page = await store.list(first);
  yield page;
  for (let pages = 1; page.cursor !== undefined; pages++) {
    const { prefix, delimiter } = first;
    const { cursor } = page;
    page = await store.list({ prefix, delimiter, cursor });
    if (pages >= max || page.cursor === cursor)
      throw new StorageError(
        { operation: 'list', key: prefix, code: 'EndlessList', status: null },
        `The list of ${prefix} does not end: after ${pages} pages the server has another; see what it is`,
      );
    yield page;
  }
}

/** Every key under a prefix in ascending order, page by page. */
export async function* listAll(
  store: ObjectStore,
  prefix: string,
  startAfter?: string,
): AsyncGenerator<string, void, void> {
  for await (const page of listPages(store, { prefix, startAfter }, MAX_KEY_PAGES)) yield* page.keys;
}

/** Names of the folders directly below a prefix that ends with a slash. */
export async function listFolders(store: ObjectStore, prefix: string): Promise<string[]> {
  const folders: string[] = [];
  for await (const page of listPages(store, { prefix, delimiter: '/' }, MAX_FOLDER_PAGES))
    folders.push(...page.prefixes.map((folder) => folder.slice(prefix.length, -1)));
  return folders;
}
