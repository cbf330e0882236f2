/**
 * The Durable Object between small posts and storage, one per group: a post is durable once `append` returned, and is
 * written to object storage together with its neighbours a few seconds later. A crash in between loses and doubles nothing.
 */
import { DurableObject } from 'cloudflare:workers';
import type { WindowPost } from '../../../contract/stored-window.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { openStore } from '../../storage/open-store.ts';
import { gzipLines, writeWindows } from '../../storage/window-objects.ts';
import type { UncheckedBindings } from '../bindings.ts';

/** An object gathers windows for this long. */
const FLUSH_AFTER_MS = 15_000;
/** An object holds about this much before compression. */
const OBJECT_CHARACTERS = 2 * 1024 * 1024;
/** While storage does not take objects, posts gather up to here; then they are refused and wait in the collectors' spools. */
const MAX_PENDING_CHARACTERS = 256 * 1024 * 1024;
const RETRY_MS = 10_000;
/** Flushes whose post ids are remembered after they were written, to know a late retry again. */
const REMEMBERED_FLUSHES = 240;
const REMEMBERED_POSTS = 100_000;

interface Batch extends Record<string, SqlStorageValue> {
  position: number;
  group_name: string;
  gzipped: ArrayBuffer;
  characters: number;
}

export interface BufferFigures {
  /** Of text, not written yet. */
  readonly pendingCharacters: number;
  /** Attempts to write an object that failed, since the buffer began. */
  readonly flushFailures: number;
}

export class WindowBuffer extends DurableObject<UncheckedBindings> {
  readonly #sql: SqlStorage;
  readonly #store: ObjectStore;
  /** Ids of the posts that are in the buffer or were written not long ago. */
  readonly #known = new Set<string>();
  #pendingCharacters: number;
  #flushing: Promise<void> | null = null;

  constructor(ctx: DurableObjectState, env: UncheckedBindings) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#store = openStore(env);
    // A row per append, and no index: an append dirties two or three pages, and with them lives or dies the throughput.
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS batches (
        position INTEGER PRIMARY KEY AUTOINCREMENT, group_name TEXT NOT NULL, ids TEXT NOT NULL, gzipped BLOB NOT NULL,
        characters INTEGER NOT NULL);
      CREATE TABLE IF NOT EXISTS writing (
        only INTEGER PRIMARY KEY CHECK (only = 1), last INTEGER NOT NULL, at INTEGER NOT NULL, id TEXT NOT NULL);
      CREATE TABLE IF NOT EXISTS written (position INTEGER PRIMARY KEY AUTOINCREMENT, ids TEXT NOT NULL);
      CREATE TABLE IF NOT EXISTS failures (only INTEGER PRIMARY KEY CHECK (only = 1), flushes INTEGER NOT NULL);
    `);
    for (const { ids } of this.#sql.exec<{ ids: string }>(
      'SELECT ids FROM (SELECT position, ids FROM written ORDER BY position) UNION ALL SELECT ids FROM batches',
    ))
      this.#remember(ids.split(' '));
    this.#pendingCharacters = this.#sql
      .exec<{ total: number }>('SELECT coalesce(sum(characters), 0) AS total FROM batches')
      .one().total;
  }

  /** @returns false where the buffer is full and nothing of `posts` was taken */
  async append(posts: WindowPost[]): Promise<boolean> {
    const fresh = posts.filter(({ id }) => !this.#known.has(id));
    const [first] = fresh;
    if (first === undefined) return true;
    if (this.#pendingCharacters > MAX_PENDING_CHARACTERS) return false;
    const wasEmpty = this.#pendingCharacters === 0;
    const ids = fresh.map(({ id }) => id);
    const lines = fresh.map((post) => post.lines).join('');
    // Compressed once, here: what goes to disk, back and into the object is a tenth of the text.
    const gzipped = gzipLines(lines).slice().buffer;
    this.#sql.exec(
      'INSERT INTO batches (group_name, ids, gzipped, characters) VALUES (?, ?, ?, ?)',
      first.group,
      ids.join(' '),
      gzipped,
      lines.length,
    );
    this.#remember(ids);
    this.#pendingCharacters += lines.length;
    if (wasEmpty) await this.ctx.storage.setAlarm(Date.now() + FLUSH_AFTER_MS);
    if (this.#pendingCharacters >= OBJECT_CHARACTERS && this.#flushing === null)
      this.ctx.waitUntil(this.#flushQuietly());
    return true;
  }

  figures(): BufferFigures {
    const [failures] = this.#sql.exec<{ flushes: number }>('SELECT flushes FROM failures').toArray();
    return { pendingCharacters: this.#pendingCharacters, flushFailures: failures?.flushes ?? 0 };
  }

  /** Writes what is pending now to object storage; what comes meanwhile waits for its neighbours. */
  async flush(): Promise<void> {
    const { last } = this.#sql.exec<{ last: number | null }>('SELECT max(position) AS last FROM batches').one();
    while (last !== null && this.#first() <= last) {
      this.#flushing ??= this.#writeObject().finally(() => {
        this.#flushing = null;
      });
      await this.#flushing;
    }
    if (this.#pendingCharacters > 0) await this.ctx.storage.setAlarm(Date.now() + FLUSH_AFTER_MS);
  }

  #first(): number {
    const { first } = this.#sql.exec<{ first: number | null }>('SELECT min(position) AS first FROM batches').one();
    return first ?? Number.POSITIVE_INFINITY;
  }

  override alarm(): Promise<void> {
    return this.#flushQuietly();
  }

  async #flushQuietly(): Promise<void> {
    try {
      await this.flush();
    } catch (error) {
      console.error(JSON.stringify({ level: 'error', event: 'windows_not_stored', message: String(error) }));
      this.#sql.exec('INSERT INTO failures VALUES (1, 1) ON CONFLICT (only) DO UPDATE SET flushes = flushes + 1');
      await this.ctx.storage.setAlarm(Date.now() + RETRY_MS);
    }
  }

  /** Which posts go into the object and its name are written down first: after a crash the same object is written again. */
  async #writeObject(): Promise<void> {
    const planned = this.#plan();
    if (planned === null) {
      this.#pendingCharacters = 0;
      return;
    }
    const { last, at, id } = planned;
    const rows = this.#sql
      .exec<Batch>(
        'SELECT position, group_name, gzipped, characters FROM batches WHERE position <= ? ORDER BY position',
        last,
      )
      .toArray();
    const members = rows.map((row) => new Uint8Array(row.gzipped));
    await writeWindows(this.#store, rows[0]?.group_name ?? 'default', id, new Date(at), members);
    this.ctx.storage.transactionSync(() => {
      this.#sql.exec(
        "INSERT INTO written (ids) SELECT group_concat(ids, ' ') FROM batches WHERE position <= ? HAVING count(*) > 0",
        last,
      );
      this.#sql.exec(
        'DELETE FROM written WHERE position <= (SELECT max(position) FROM written) - ?',
        REMEMBERED_FLUSHES,
      );
      this.#sql.exec('DELETE FROM batches WHERE position <= ?', last);
      this.#sql.exec('DELETE FROM writing');
    });
    const written = rows.reduce((sum, row) => sum + row.characters, 0);
    this.#pendingCharacters = Math.max(0, this.#pendingCharacters - written);
  }

  #plan(): { last: number; at: number; id: string } | null {
    const [unfinished] = this.#sql
      .exec<{ last: number; at: number; id: string }>('SELECT last, at, id FROM writing')
      .toArray();
    if (unfinished !== undefined) return unfinished;
    let characters = 0;
    let last: number | undefined;
    for (const row of this.#sql.exec<{ position: number; size: number }>(
      'SELECT position, characters AS size FROM batches ORDER BY position',
    )) {
      characters += row.size;
      last = row.position;
      if (characters >= OBJECT_CHARACTERS) break;
    }
    if (last === undefined) return null;
    const plan = { last, at: Date.now(), id: crypto.randomUUID() };
    this.#sql.exec('INSERT INTO writing (only, last, at, id) VALUES (1, ?, ?, ?)', plan.last, plan.at, plan.id);
    return plan;
  }

  #remember(ids: readonly string[]): void {
    for (const id of ids) this.#known.add(id);
    for (const oldest of this.#known) {
      if (this.#known.size <= REMEMBERED_POSTS) break;
      this.#known.delete(oldest);
    }
  }
}
