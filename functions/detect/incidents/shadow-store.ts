/** How each version did that was scored beside a live one, in the Durable Object's SQLite. */
import type { ShadowTally } from '../../../contract/model-list.ts';

/** Versions that are remembered. */
const MAX_SHADOWS = 20;

interface ShadowRow extends Record<string, SqlStorageValue> {
  version: string;
  windows: number;
  live_alerts: number;
  shadow_alerts: number;
  both_alerts: number;
}

export class ShadowStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`
      CREATE TABLE IF NOT EXISTS shadows (
        version TEXT PRIMARY KEY, windows INTEGER NOT NULL, live_alerts INTEGER NOT NULL,
        shadow_alerts INTEGER NOT NULL, both_alerts INTEGER NOT NULL);
    `);
  }

  count({ version, windows, live_alerts, shadow_alerts, both_alerts }: ShadowTally): void {
    this.#sql.exec(
      `INSERT INTO shadows (version, windows, live_alerts, shadow_alerts, both_alerts) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (version) DO UPDATE SET windows = windows + excluded.windows,
          live_alerts = live_alerts + excluded.live_alerts, shadow_alerts = shadow_alerts + excluded.shadow_alerts,
          both_alerts = both_alerts + excluded.both_alerts`,
      version,
      windows,
      live_alerts,
      shadow_alerts,
      both_alerts,
    );
    this.#sql.exec(
      'DELETE FROM shadows WHERE version IN (SELECT version FROM shadows ORDER BY version DESC LIMIT -1 OFFSET ?)',
      MAX_SHADOWS,
    );
  }

  /** The newest first. */
  list(): ShadowTally[] {
    return this.#sql.exec<ShadowRow>('SELECT * FROM shadows ORDER BY version DESC').toArray();
  }
}
