/** The outbox of a group: events wait in the SQLite of its incidents until the Webhooks object took them, so that no crash parts the two. */
import type { WebhookEvent } from '../../../contract/webhook-event.ts';
import type { Message } from '../webhooks/message.ts';

/** The Webhooks object takes them at once; they gather only while it cannot be reached. */
const MAX_WAITING = 10_000;
const BATCH = 100;
const RETRY_MS = 5_000;

export interface Taker {
  /** Messages are durable there once this returned; one that comes twice is taken once. */
  take(messages: Message[]): Promise<void>;
}

export class Outbox {
  readonly #sql: SqlStorage;
  #handingOver: Promise<void> | null = null;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`
      CREATE TABLE IF NOT EXISTS handover (
        position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, group_name TEXT NOT NULL, event TEXT NOT NULL);
    `);
  }

  /** @returns how many older events were dropped for it */
  add(group: string, event: WebhookEvent): number {
    const id = `msg_${crypto.randomUUID().replaceAll('-', '')}`;
    this.#sql.exec('INSERT INTO handover (id, group_name, event) VALUES (?, ?, ?)', id, group, JSON.stringify(event));
    return this.#sql
      .exec(
        'DELETE FROM handover WHERE position IN (SELECT position FROM handover ORDER BY position DESC LIMIT -1 OFFSET ?) RETURNING position',
        MAX_WAITING,
      )
      .toArray().length;
  }

  /** Hands everything over; what cannot be handed over now is due again at `nextAt`. */
  async handOver(taker: Taker): Promise<void> {
    this.#handingOver ??= this.#handAllOver(taker).finally(() => {
      this.#handingOver = null;
    });
    await this.#handingOver;
  }

  /** Null where nothing waits. */
  nextAt(now: number): number | null {
    const { waits } = this.#sql.exec<{ waits: number }>('SELECT EXISTS (SELECT 1 FROM handover) AS waits').one();
    return waits === 1 ? now + RETRY_MS : null;
  }

  async #handAllOver(taker: Taker): Promise<void> {
    for (;;) {
      const rows = this.#sql
        .exec<{ position: number; id: string; group_name: string; event: string }>(
          'SELECT * FROM handover ORDER BY position LIMIT ?',
          BATCH,
        )
        .toArray();
      const last = rows.at(-1);
      if (last === undefined) return;
      const messages = rows.map(({ id, group_name, event }) => ({
        id,
        group: group_name,
        event: JSON.parse(event) as WebhookEvent,
      }));
      try {
        await taker.take(messages);
      } catch (error) {
        console.warn(JSON.stringify({ level: 'warn', event: 'webhooks_not_handed_over', message: String(error) }));
        return;
      }
      this.#sql.exec('DELETE FROM handover WHERE position <= ?', last.position);
    }
  }
}
