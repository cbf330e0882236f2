/** The durable outbox: events wait in SQLite until the receiver took them, or until the schedule of retries ran out. */
import type { WebhookEvent } from '../../../contract/webhook-event.ts';

/** Waits after each failed attempt, as Standard Webhooks proposes; after the last comes the dead letter. */
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const RETRY_AFTER_MS = [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR];

const MAX_PENDING = 10_000;
const MAX_DEAD = 1_000;
/** Deliveries under way at once. */
export const MAX_CONCURRENT = 8;

export interface OutboxCounts {
  readonly pending: number;
  readonly dead: number;
}

export interface OutboxMessage {
  readonly id: string;
  readonly body: string;
  readonly attempts: number;
}

export class Outbox {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`
      CREATE TABLE IF NOT EXISTS outbox (
        id TEXT PRIMARY KEY, body TEXT NOT NULL, created_at INTEGER NOT NULL, next_at INTEGER NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0, dead INTEGER NOT NULL DEFAULT 0, last_error TEXT);
      CREATE INDEX IF NOT EXISTS outbox_due ON outbox (dead, next_at);
    `);
  }

  add(event: WebhookEvent, now: number): void {
    this.#sql.exec(
      'INSERT INTO outbox (id, body, created_at, next_at) VALUES (?, ?, ?, ?)',
      `msg_${crypto.randomUUID().replaceAll('-', '')}`,
      JSON.stringify(event),
      now,
      now,
    );
    if (this.counts().pending > MAX_PENDING)
      this.#sql.exec(
        "UPDATE outbox SET dead = 1, last_error = 'the outbox was full' WHERE id IN (SELECT id FROM outbox WHERE dead = 0 ORDER BY created_at LIMIT 1)",
      );
    this.#trimDead();
  }

  /**
   * Messages that are due. Each is booked as tried before it is sent, so that a crash while sending
   * costs a repetition (receivers know it by its id) and never a message.
   */
  takeDue(now: number): OutboxMessage[] {
    const due = this.#sql
      .exec<{ id: string; body: string; attempts: number }>(
        'SELECT id, body, attempts FROM outbox WHERE dead = 0 AND next_at <= ? ORDER BY created_at LIMIT ?',
        now,
        MAX_CONCURRENT,
      )
      .toArray();
    return due.map(({ id, body, attempts }) => {
      const wait = RETRY_AFTER_MS[attempts] ?? HOUR;
      this.#sql.exec('UPDATE outbox SET attempts = ?, next_at = ? WHERE id = ?', attempts + 1, now + wait, id);
      return { id, body, attempts: attempts + 1 };
    });
  }

  delivered(id: string): void {
    this.#sql.exec('DELETE FROM outbox WHERE id = ?', id);
  }

  /** @returns whether this was the last attempt, and the message is a dead letter now */
  failed(message: OutboxMessage, error: string): boolean {
    const dead = message.attempts > RETRY_AFTER_MS.length;
    this.#sql.exec(
      'UPDATE outbox SET dead = ?, last_error = ? WHERE id = ?',
      dead ? 1 : 0,
      error.slice(0, 300),
      message.id,
    );
    if (dead) this.#trimDead();
    return dead;
  }

  /** Makes every dead letter due again, with its id and a fresh schedule. */
  replay(now: number): number {
    return this.#sql.exec('UPDATE outbox SET dead = 0, attempts = 0, next_at = ? WHERE dead = 1', now).rowsWritten;
  }

  nextAt(): number | null {
    return this.#sql.exec<{ at: number | null }>('SELECT min(next_at) AS at FROM outbox WHERE dead = 0').one().at;
  }

  counts(): OutboxCounts {
    return this.#sql
      .exec<{ pending: number; dead: number }>(
        'SELECT count(*) FILTER (WHERE dead = 0) AS pending, count(*) FILTER (WHERE dead = 1) AS dead FROM outbox',
      )
      .one();
  }

  #trimDead(): void {
    this.#sql.exec(
      'DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE dead = 1 ORDER BY created_at DESC LIMIT -1 OFFSET ?)',
      MAX_DEAD,
    );
  }
}
