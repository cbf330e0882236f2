/** Maintenance windows and allowed sources of a group, in the object's SQLite and ready in its memory; all bounded. */
import type { AllowedSource, MaintenanceBody, MaintenanceWindow } from '../../../contract/muting.ts';
import type { Mutes } from './muting.ts';

const MAX_EACH = 200;
/** What is over is still shown, to tell why something was silent. */
const SHOWN_AFTER_MS = 7 * 86_400_000;

type Kind = 'maintenance' | 'allowed';

export class MuteStore {
  readonly #sql: SqlStorage;
  #mutes: Mutes;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      'CREATE TABLE IF NOT EXISTS mutes (kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id))',
    );
    this.#mutes = this.#read();
  }

  get mutes(): Mutes {
    return this.#mutes;
  }

  /** @returns the window with its id; null where there are too many */
  addMaintenance(body: MaintenanceBody, now: number): MaintenanceWindow | null {
    for (const { id, until } of this.#mutes.maintenance)
      if (Date.parse(until) + SHOWN_AFTER_MS < now) this.#delete('maintenance', id);
    const window = { id: crypto.randomUUID().slice(0, 8), ...body };
    return this.#add('maintenance', window.id, window) ? window : null;
  }

  /** @returns whether there was room */
  addAllowed(source: AllowedSource): boolean {
    return this.#add('allowed', source.source, source);
  }

  /** @returns whether it was there */
  remove(kind: Kind, id: string): boolean {
    const there = this.#delete(kind, id);
    this.#mutes = this.#read();
    return there;
  }

  #add(kind: Kind, id: string, body: object): boolean {
    const { others } = this.#sql
      .exec<{ others: number }>('SELECT count(*) AS others FROM mutes WHERE kind = ? AND id <> ?', kind, id)
      .one();
    const room = others < MAX_EACH;
    if (room)
      this.#sql.exec('INSERT OR REPLACE INTO mutes (kind, id, body) VALUES (?, ?, ?)', kind, id, JSON.stringify(body));
    this.#mutes = this.#read();
    return room;
  }

  #delete(kind: Kind, id: string): boolean {
    return this.#sql.exec('DELETE FROM mutes WHERE kind = ? AND id = ? RETURNING id', kind, id).toArray().length > 0;
  }

  #read(): Mutes {
    const of = <T>(kind: Kind): T[] =>
      this.#sql
        .exec<{ body: string }>('SELECT body FROM mutes WHERE kind = ? ORDER BY id', kind)
        .toArray()
        .map(({ body }) => JSON.parse(body) as T);
    return { maintenance: of<MaintenanceWindow>('maintenance'), allowed: of<AllowedSource>('allowed') };
  }
}
