/** Deliveries in the Durable Object's SQLite: each message once for each endpoint, until it was taken or given up; all bounded. */
import type { DeadLetterPage } from '../../../contract/webhook-endpoint.ts';
import type { WebhookEvent } from '../../../contract/webhook-event.ts';
import type { Queued } from './figures.ts';
import type { Message } from './message.ts';
import { DEAD_LETTER_AGE_MS, LEASE_MS, retryAfterMs } from './schedule.ts';

/** Deliveries that wait, of all endpoints; one more makes the oldest a dead letter. */
export const MAX_WAITING = 10_000;
/** Dead letters of one endpoint. */
export const MAX_DEAD = 1_000;
/** Message ids remembered, to know one that is handed over twice. */
const MAX_KNOWN = 10_000;
const MAX_ERROR_CHARACTERS = 300;

export interface Delivery extends Message {
  readonly position: number;
  readonly endpoint: string;
  /** With the one that is made now. */
  readonly attempts: number;
}

interface Row extends Record<string, SqlStorageValue> {
  position: number;
  message: string;
  endpoint: string;
  group_name: string;
  event: string;
  attempts: number;
}

/** What happened on an incident is told in its order: the end of an attack must not overtake its beginning. */
const IS_FIRST_OF_INCIDENT = `NOT EXISTS (SELECT 1 FROM deliveries earlier
  WHERE earlier.dead_at IS NULL AND earlier.endpoint = deliveries.endpoint AND earlier.incident = deliveries.incident
    AND earlier.position < deliveries.position)`;

export class DeliveryQueue {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`
      CREATE TABLE IF NOT EXISTS deliveries (
        position INTEGER PRIMARY KEY AUTOINCREMENT, message TEXT NOT NULL, endpoint TEXT NOT NULL, group_name TEXT NOT NULL,
        incident TEXT, event TEXT NOT NULL, created_at INTEGER NOT NULL, next_at INTEGER NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0, dead_at INTEGER, last_error TEXT);
      CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (endpoint, next_at) WHERE dead_at IS NULL;
      CREATE INDEX IF NOT EXISTS deliveries_incident ON deliveries (endpoint, incident, position) WHERE dead_at IS NULL;
      CREATE INDEX IF NOT EXISTS deliveries_dead ON deliveries (endpoint, dead_at) WHERE dead_at IS NOT NULL;
      CREATE TABLE IF NOT EXISTS known (number INTEGER PRIMARY KEY AUTOINCREMENT, message TEXT NOT NULL UNIQUE);
    `);
  }

  /** @returns whether the message is new */
  know(message: string): boolean {
    const isNew =
      this.#sql.exec('INSERT OR IGNORE INTO known (message) VALUES (?) RETURNING number', message).toArray().length > 0;
    this.#sql.exec('DELETE FROM known WHERE number <= (SELECT max(number) FROM known) - ?', MAX_KNOWN);
    return isNew;
  }

  /** What follows on an incident is not due before what it waits for: a long queue is not gone through in vain. */
  add({ id, group, event }: Message, endpoint: string, now: number): void {
    this.#sql.exec(
      `INSERT INTO deliveries (message, endpoint, group_name, incident, event, created_at, next_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, max(?6, coalesce(
          (SELECT max(next_at) FROM deliveries INDEXED BY deliveries_incident WHERE dead_at IS NULL AND endpoint = ?2 AND incident = ?4), 0)))`,
      id,
      endpoint,
      group,
      event.incident_id ?? null,
      JSON.stringify(event),
      now,
    );
  }

  /**
   * The next delivery that is due, leased: after a crash it is tried again, which costs a repetition (receivers know it by its
   * id) and never a message.
   */
  takeDue(endpoint: string, now: number): Delivery | null {
    const [row] = this.#sql
      .exec<Row>(
        `SELECT position, message, endpoint, group_name, event, attempts FROM deliveries
          WHERE dead_at IS NULL AND endpoint = ? AND next_at <= ? AND ${IS_FIRST_OF_INCIDENT}
          ORDER BY next_at, position LIMIT 1`,
        endpoint,
        now,
      )
      .toArray();
    if (row === undefined) return null;
    const { position, message, group_name, event } = row;
    const attempts = row.attempts + 1;
    this.#sql.exec(
      'UPDATE deliveries SET attempts = ?, next_at = ? WHERE position = ?',
      attempts,
      now + LEASE_MS,
      position,
    );
    return { position, id: message, endpoint, group: group_name, event: JSON.parse(event) as WebhookEvent, attempts };
  }

  /** When the endpoint's next delivery is due that may start; null where none waits. */
  nextAt(endpoint: string): number | null {
    const [first] = this.#sql
      .exec<{ next_at: number }>(
        `SELECT next_at FROM deliveries
          WHERE dead_at IS NULL AND endpoint = ? AND ${IS_FIRST_OF_INCIDENT} ORDER BY next_at LIMIT 1`,
        endpoint,
      )
      .toArray();
    return first?.next_at ?? null;
  }

  succeeded(delivery: Delivery, now: number): void {
    this.#sql.exec('DELETE FROM deliveries WHERE position = ?', delivery.position);
    this.#setFollowers(delivery, now);
  }

  /** @returns whether this was the last attempt, and the delivery is a dead letter now */
  failed(delivery: Delivery, error: string, now: number): boolean {
    const wait = retryAfterMs(delivery.attempts);
    const nextAt = now + (wait ?? 0);
    this.#sql.exec(
      'UPDATE deliveries SET next_at = ?, dead_at = ?, last_error = ? WHERE position = ? AND dead_at IS NULL',
      nextAt,
      wait === null ? now : null,
      error.slice(0, MAX_ERROR_CHARACTERS),
      delivery.position,
    );
    this.#setFollowers(delivery, nextAt);
    return wait === null;
  }

  #setFollowers({ endpoint, event, position }: Delivery, nextAt: number): void {
    if (event.incident_id === undefined) return;
    this.#sql.exec(
      'UPDATE deliveries SET next_at = ? WHERE dead_at IS NULL AND endpoint = ? AND incident = ? AND position > ?',
      nextAt,
      endpoint,
      event.incident_id,
      position,
    );
  }

  /** Makes all that waits for an endpoint dead letters. @returns of which groups they are */
  bury(endpoint: string, reason: string, now: number): string[] {
    return this.#groups(
      `UPDATE deliveries SET dead_at = ?, last_error = coalesce(last_error, ?) WHERE dead_at IS NULL AND endpoint = ?
        RETURNING group_name`,
      now,
      reason,
      endpoint,
    );
  }

  /** Makes dead letters of the oldest that wait beyond the bound. @returns whose they are */
  buryOldest(now: number): { endpoint: string; group: string }[] {
    const excess = this.waiting() - MAX_WAITING;
    if (excess <= 0) return [];
    return this.#sql
      .exec<{ endpoint: string; group: string }>(
        `UPDATE deliveries SET dead_at = ?, last_error = 'too many messages waited' WHERE position IN
          (SELECT position FROM deliveries WHERE dead_at IS NULL ORDER BY position LIMIT ?)
          RETURNING endpoint, group_name AS "group"`,
        now,
        excess,
      )
      .toArray();
  }

  /** Drops all that an endpoint has, waiting and dead. @returns of which groups it was */
  drop(endpoint: string): string[] {
    return this.#groups('DELETE FROM deliveries WHERE endpoint = ? RETURNING group_name', endpoint);
  }

  /** Drops dead letters past their age. @returns of which groups they were */
  dropExpired(now: number): string[] {
    return this.#groups('DELETE FROM deliveries WHERE dead_at < ? RETURNING group_name', now - DEAD_LETTER_AGE_MS);
  }

  /** Drops the oldest dead letters of an endpoint beyond the bound. @returns of which groups they were */
  dropOldestDead(endpoint: string): string[] {
    return this.#groups(
      `DELETE FROM deliveries WHERE position IN (SELECT position FROM deliveries
        WHERE dead_at IS NOT NULL AND endpoint = ? ORDER BY position DESC LIMIT -1 OFFSET ?) RETURNING group_name`,
      endpoint,
      MAX_DEAD,
    );
  }

  /** Makes dead letters due again with their ids and a fresh schedule, the oldest first, as far as there is room. */
  replay(endpoint: string, only: { message: string | null; group: string | null }, now: number): number {
    const room = Math.max(0, MAX_WAITING - this.waiting());
    return this.#sql
      .exec(
        `UPDATE deliveries SET dead_at = NULL, attempts = 0, next_at = ?1, last_error = NULL WHERE position IN
          (SELECT position FROM deliveries WHERE dead_at IS NOT NULL AND endpoint = ?2 AND (?3 IS NULL OR message = ?3)
             AND (?4 IS NULL OR group_name = ?4) ORDER BY position LIMIT ?5) RETURNING position`,
        now,
        endpoint,
        only.message,
        only.group,
        room,
      )
      .toArray().length;
  }

  /** The newest first. A cursor is a position, so that a page goes on where the last of the page before is gone meanwhile. */
  dead(endpoint: string, limit: number, cursor: string | null): DeadLetterPage {
    // One more than asked for tells whether a page follows.
    const found = this.#sql
      .exec<Row & { incident: string | null; created_at: number; dead_at: number; last_error: string | null }>(
        `SELECT * FROM deliveries WHERE dead_at IS NOT NULL AND endpoint = ?1 AND (?2 IS NULL OR position < ?2)
          ORDER BY position DESC LIMIT ?3`,
        endpoint,
        cursor === null ? null : Number(cursor),
        limit + 1,
      )
      .toArray();
    const rows = found.slice(0, limit);
    const last = rows.at(-1);
    const dead = rows.map((row) => ({
      message: row.message,
      event: (JSON.parse(row.event) as WebhookEvent).type,
      group: row.group_name,
      incident_id: row.incident,
      created_at: new Date(row.created_at).toISOString(),
      dead_at: new Date(row.dead_at).toISOString(),
      attempts: row.attempts,
      last_error: row.last_error,
    }));
    return { dead, next: found.length > limit && last !== undefined ? String(last.position) : null };
  }

  waiting(): number {
    return this.#sql.exec<{ waiting: number }>('SELECT count(*) AS waiting FROM deliveries WHERE dead_at IS NULL').one()
      .waiting;
  }

  /** How many wait and how many are dead, of each endpoint and group. */
  counts(): Queued[] {
    return this.#sql
      .exec<Queued & Record<string, SqlStorageValue>>(
        `SELECT endpoint, group_name AS "group", count(*) FILTER (WHERE dead_at IS NULL) AS waiting,
          count(*) FILTER (WHERE dead_at IS NOT NULL) AS dead FROM deliveries GROUP BY endpoint, group_name`,
      )
      .toArray();
  }

  #groups(sql: string, ...values: (string | number)[]): string[] {
    return this.#sql
      .exec<{ group_name: string }>(sql, ...values)
      .toArray()
      .map(({ group_name }) => group_name);
  }
}
