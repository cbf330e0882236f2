/**
 * The bucket of an edge without Cloudflare: objects in the SQLite file of one Durable Object. It judges one call after another, so
 * that a conditional put is atomic, and answers only once what it wrote is on disk.
 */
import { DurableObject } from 'cloudflare:workers';
import type { ListOptions, ListPage, ObjectStore, PutCondition, StoredObject } from './object-store.ts';

/** A row of a Durable Object's SQLite holds at most 2 MB. */
const PART_BYTES = 1024 * 1024;
const PAGE_KEYS = 1_000;
/** Stands behind every key that begins with what is before it. */
const BEHIND = '\u{10ffff}';

export class Bucket extends DurableObject implements ObjectStore {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;

  constructor(ctx: DurableObjectState, env: object) {
    super(ctx, env);
    this.#storage = ctx.storage;
    this.#sql = ctx.storage.sql;
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS objects (key TEXT PRIMARY KEY, etag TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS parts (key TEXT NOT NULL, part INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (key, part));
    `);
  }

  async get(key: string, knownEtag?: string): Promise<StoredObject | 'unchanged' | null> {
    const etag = this.#etag(key);
    if (etag === undefined) return null;
    if (etag === knownEtag) return 'unchanged';
    const parts = this.#sql
      .exec<{ bytes: ArrayBuffer }>('SELECT bytes FROM parts WHERE key = ? ORDER BY part', key)
      .toArray();
    return { bytes: await new Blob(parts.map(({ bytes }) => bytes)).arrayBuffer(), etag };
  }

  async put(key: string, bytes: ArrayBuffer, condition?: PutCondition): Promise<string | null> {
    return this.#storage.transactionSync(() => {
      const seen = this.#etag(key);
      if (condition !== undefined && seen !== ('ifMatch' in condition ? condition.ifMatch : undefined)) return null;
      const etag = crypto.randomUUID();
      this.#sql.exec('INSERT OR REPLACE INTO objects (key, etag) VALUES (?, ?)', key, etag);
      this.#sql.exec('DELETE FROM parts WHERE key = ?', key);
      for (let from = 0; from < bytes.byteLength; from += PART_BYTES)
        this.#sql.exec(
          'INSERT INTO parts (key, part, bytes) VALUES (?, ?, ?)',
          key,
          from / PART_BYTES,
          bytes.slice(from, from + PART_BYTES),
        );
      return etag;
    });
  }

  /** The cursor is the key, or what stands behind every key of the folder, that the page ends with. */
  async list({ prefix, delimiter, cursor, startAfter, limit = PAGE_KEYS }: ListOptions): Promise<ListPage> {
    const keys: string[] = [];
    const prefixes: string[] = [];
    let after = cursor ?? startAfter ?? '';
    while (keys.length + prefixes.length < limit) {
      const found = this.#keysAfter(prefix, after, delimiter === undefined ? limit : 1);
      for (const key of found) {
        const end = delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length);
        if (end === -1) keys.push(key);
        else prefixes.push(key.slice(0, end + 1));
        after = end === -1 ? key : key.slice(0, end + 1) + BEHIND;
      }
      if (found.length === 0 || delimiter === undefined) break;
    }
    const more = keys.length + prefixes.length >= limit && this.#keysAfter(prefix, after, 1).length > 0;
    return { keys, prefixes, cursor: more ? after : undefined };
  }

  async delete(keys: readonly string[]): Promise<void> {
    this.#storage.transactionSync(() => {
      for (const key of keys) {
        this.#sql.exec('DELETE FROM objects WHERE key = ?', key);
        this.#sql.exec('DELETE FROM parts WHERE key = ?', key);
      }
    });
  }

  #etag(key: string): string | undefined {
    const [row] = this.#sql.exec<{ etag: string }>('SELECT etag FROM objects WHERE key = ?', key).toArray();
    return row?.etag;
  }

  /** With one lower bound: of two SQLite would go to the first, and read on from there to the second. */
  #keysAfter(prefix: string, after: string, limit: number): string[] {
    return this.#sql
      .exec<{ key: string }>(
        'SELECT key FROM objects WHERE key >= max(?1, ?3) AND key < ?2 AND key <> ?3 ORDER BY key LIMIT ?4',
        prefix,
        prefix + BEHIND,
        after,
        limit,
      )
      .toArray()
      .map(({ key }) => key);
  }
}
