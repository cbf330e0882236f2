/** The last changes of incidents and campaigns, numbered, in the object's SQLite: what a listener missed is sent after. */
import type { Change } from '../../../contract/change.ts';

const MAX_CHANGES = 2_000;

export interface LoggedChange {
  readonly id: number;
  readonly kind: Change['kind'];
  /** JSON. */
  readonly body: string;
}

export class ChangeLog {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    // AUTOINCREMENT: a number is never given twice, whatever was deleted.
    sql.exec(
      'CREATE TABLE IF NOT EXISTS changes (id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, body TEXT NOT NULL)',
    );
  }

  add({ kind, data }: Change): LoggedChange {
    const body = JSON.stringify(data);
    const { id } = this.#sql
      .exec<{ id: number }>('INSERT INTO changes (kind, body) VALUES (?, ?) RETURNING id', kind, body)
      .one();
    this.#sql.exec('DELETE FROM changes WHERE id <= ?', id - MAX_CHANGES);
    return { id, kind, body };
  }

  latest(): number {
    return this.#sql.exec<{ id: number }>('SELECT coalesce(max(id), 0) AS id FROM changes').one().id;
  }

  /** The changes after `id`, the oldest first; null where some of them are kept no longer, or `id` was never given. */
  after(id: number): LoggedChange[] | null {
    const { oldest, newest } = this.#sql
      .exec<{ oldest: number; newest: number }>(
        'SELECT coalesce(min(id), 1) AS oldest, coalesce(max(id), 0) AS newest FROM changes',
      )
      .one();
    if (id < oldest - 1 || id > newest) return null;
    return this.#sql
      .exec<{ id: number; kind: Change['kind']; body: string }>('SELECT * FROM changes WHERE id > ? ORDER BY id', id)
      .toArray();
  }
}
