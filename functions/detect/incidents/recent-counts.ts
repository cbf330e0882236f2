/** How many alerts and incidents the last day had, in slots of ten minutes: it does not matter how many there were. */

const DAY_MS = 86_400_000;
const SLOT_MS = 600_000;

export interface DayCounts {
  readonly alerts: number;
  readonly incidents: number;
}

export class RecentCounts {
  readonly #sql: SqlStorage;

  /** Reads the tables of IncidentStore, where an earlier build kept no slots. */
  constructor(sql: SqlStorage) {
    this.#sql = sql;
    if (sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'slots'").toArray().length > 0) return;
    sql.exec(`
      CREATE TABLE slots (slot INTEGER PRIMARY KEY, alerts INTEGER NOT NULL, incidents INTEGER NOT NULL);
      INSERT INTO slots SELECT slot, sum(alerts), sum(incidents) FROM (
        SELECT at / ${SLOT_MS} AS slot, 1 AS alerts, 0 AS incidents FROM seen
        UNION ALL SELECT opened_at / ${SLOT_MS}, 0, 1 FROM incidents) GROUP BY slot;
    `);
  }

  add({ alerts, incidents }: DayCounts, now: number): void {
    this.#sql.exec(
      `INSERT INTO slots VALUES (?, ?, ?)
        ON CONFLICT (slot) DO UPDATE SET alerts = alerts + excluded.alerts, incidents = incidents + excluded.incidents`,
      Math.floor(now / SLOT_MS),
      alerts,
      incidents,
    );
  }

  /** Of the last day, and of what is left of the slot in which it began. */
  lastDay(now: number): DayCounts {
    return this.#sql
      .exec<{ alerts: number; incidents: number }>(
        'SELECT coalesce(sum(alerts), 0) AS alerts, coalesce(sum(incidents), 0) AS incidents FROM slots WHERE slot >= ?',
        firstOfDay(now),
      )
      .one();
  }

  trim(now: number): void {
    this.#sql.exec('DELETE FROM slots WHERE slot < ?', firstOfDay(now));
  }
}

function firstOfDay(now: number): number {
  return Math.floor((now - DAY_MS) / SLOT_MS);
}
