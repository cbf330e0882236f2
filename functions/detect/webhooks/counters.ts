/** What became of deliveries, counted by group, in the Durable Object's SQLite. */
import { scopeOf } from '../metrics/tally.ts';
import { type Counts, NOTHING_COUNTED, type Outcome } from './figures.ts';

export class Counters {
  readonly #sql: SqlStorage;
  /** Of groups that count for themselves; the rest count together. */
  readonly #scopes: Set<string>;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`
      CREATE TABLE IF NOT EXISTS counters (
        group_name TEXT NOT NULL, outcome TEXT NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (group_name, outcome));
    `);
    this.#scopes = new Set(this.byGroup().keys());
  }

  add(group: string, outcome: Outcome, by = 1): void {
    const scope = scopeOf(group, this.#scopes);
    this.#scopes.add(scope);
    this.#sql.exec(
      `INSERT INTO counters (group_name, outcome, value) VALUES (?, ?, ?)
        ON CONFLICT (group_name, outcome) DO UPDATE SET value = value + excluded.value`,
      scope,
      outcome,
      by,
    );
  }

  byGroup(): Map<string, Counts> {
    const groups = new Map<string, Counts>();
    for (const { group_name, outcome, value } of this.#sql.exec<{
      group_name: string;
      outcome: Outcome;
      value: number;
    }>('SELECT * FROM counters'))
      groups.set(group_name, { ...(groups.get(group_name) ?? NOTHING_COUNTED), [outcome]: value });
    return groups;
  }
}
