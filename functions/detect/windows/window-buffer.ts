/**
 * The Durable Object between small posts and storage, one per group: a post is durable once `append` returned, and is
 * written to object storage together with its neighbours a few seconds later. A crash in between loses and doubles nothing.
 */
import { DurableObject } from 'cloudflare:workers';
import type { WindowPost } from '../../../contract/stored-window.ts';
import { R2Store } from '../../storage/r2-store.ts';
import { writeWindows } from '../../storage/window-objects.ts';
import type { UncheckedBindings } from '../bindings.ts';

/** An object gathers windows for this long. */
const FLUSH_AFTER_MS = 15_000;
/** An object holds about this much before compression. */
const OBJECT_BYTES = 4 * 1024 * 1024;
/** While storage does not take objects, posts gather up to here; then they are refused and wait in the collectors' spools. */
const MAX_PENDING_BYTES = 256 * 1024 * 1024;
const RETRY_MS = 10_000;
/** Posts remembered after they were written, to know a late retry again. */
const REMEMBERED_POSTS = 50_000;

export class WindowBuffer extends DurableObject<UncheckedBindings> {
  readonly #sql: SqlStorage;
  #pendingBytes: number;
  #flushing: Promise<void> | null = null;

  constructor(ctx: DurableObjectState, env: UncheckedBindings) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS posts (
        position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, group_name TEXT NOT NULL, lines TEXT);
      CREATE TABLE IF NOT EXISTS writing (
        only INTEGER PRIMARY KEY CHECK (only = 1), last INTEGER NOT NULL, at INTEGER NOT NULL, id TEXT NOT NULL);
      CREATE INDEX IF NOT EXISTS pending ON posts (position) WHERE lines IS NOT NULL;
    `);
    this.#pendingBytes = this.#sql
      .exec<{ bytes: number }>('SELECT coalesce(sum(length(lines)), 0) AS bytes FROM posts WHERE lines IS NOT NULL')
      .one().bytes;
  }

  /** @returns false where the buffer is full and nothing of `posts` was taken */
  async append(posts: WindowPost[]): Promise<boolean> {
    if (this.#pendingBytes > MAX_PENDING_BYTES) return false;
    const wasEmpty = this.#pendingBytes === 0;
    for (const { id, group, lines } of posts) {
      const { rowsWritten } = this.#sql.exec(
        'INSERT INTO posts (id, group_name, lines) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING',
        id,
        group,
        lines,
      );
      if (rowsWritten > 0) this.#pendingBytes += lines.length;
    }
    const full = this.#pendingBytes >= OBJECT_BYTES;
    if (wasEmpty) await this.ctx.storage.setAlarm(Date.now() + FLUSH_AFTER_MS);
    if (full && this.#flushing === null) await this.ctx.storage.setAlarm(Date.now());
    return true;
  }

  /** Writes everything pending to object storage. */
  async flush(): Promise<void> {
    while (this.#pendingBytes > 0) {
      this.#flushing ??= this.#writeObject().finally(() => {
        this.#flushing = null;
      });
      await this.#flushing;
    }
  }

  override async alarm(): Promise<void> {
    try {
      await this.flush();
    } catch (error) {
      console.error(JSON.stringify({ level: 'error', event: 'windows_not_stored', message: String(error) }));
      await this.ctx.storage.setAlarm(Date.now() + RETRY_MS);
    }
  }

  /** Which posts go into the object and its name are written down first: after a crash the same object is written again. */
  async #writeObject(): Promise<void> {
    const planned = this.#plan();
    if (planned === null) {
      this.#pendingBytes = 0;
      return;
    }
    const rows = this.#sql
      .exec<{ group_name: string; lines: string }>(
        'SELECT group_name, lines FROM posts WHERE lines IS NOT NULL AND position <= ? ORDER BY position',
        planned.last,
      )
      .toArray();
    if (this.env.BUCKET === undefined) throw new TypeError('BUCKET is not bound');
    const lines = rows.map((row) => row.lines).join('');
    await writeWindows(
      new R2Store(this.env.BUCKET),
      rows[0]?.group_name ?? 'default',
      planned.id,
      new Date(planned.at),
      lines,
    );
    this.ctx.storage.transactionSync(() => {
      this.#sql.exec('UPDATE posts SET lines = NULL WHERE lines IS NOT NULL AND position <= ?', planned.last);
      this.#sql.exec('DELETE FROM posts WHERE lines IS NULL AND position <= ?', planned.last - REMEMBERED_POSTS);
      this.#sql.exec('DELETE FROM writing');
    });
    this.#pendingBytes = Math.max(0, this.#pendingBytes - lines.length);
  }

  #plan(): { last: number; at: number; id: string } | null {
    const unfinished = this.#sql
      .exec<{ last: number; at: number; id: string }>('SELECT last, at, id FROM writing')
      .toArray();
    if (unfinished[0] !== undefined) return unfinished[0];
    let bytes = 0;
    let last: number | undefined;
    for (const row of this.#sql.exec<{ position: number; bytes: number }>(
      'SELECT position, length(lines) AS bytes FROM posts WHERE lines IS NOT NULL ORDER BY position',
    )) {
      bytes += row.bytes;
      last = row.position;
      if (bytes >= OBJECT_BYTES) break;
    }
    if (last === undefined) return null;
    const plan = { last, at: Date.now(), id: crypto.randomUUID() };
    this.#sql.exec('INSERT INTO writing (only, last, at, id) VALUES (1, ?, ?, ?)', plan.last, plan.at, plan.id);
    return plan;
  }
}
