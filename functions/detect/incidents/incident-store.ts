/** Incidents, the alerts they are made of and the counters, in the Durable Object's SQLite; all bounded. */
import type { Incident } from '../../../contract/incident.ts';
import type { ShadowTally } from '../../../contract/model-list.ts';
import type { OpenIncident } from './joining.ts';

const MAX_INCIDENTS = 10_000;
const MAX_AGE_MS = 90 * 86_400_000;
/** Window ids remembered, to know a repeated alert; far more than a retry needs. */
const MAX_SEEN = 50_000;
/** Versions of models whose time as a shadow is remembered. */
const MAX_SHADOWS = 20;

export interface IncidentRow extends OpenIncident {
  readonly lastAlertAt: number;
  readonly lastNotifiedAt: number;
  /** An escalation that was too early to be told. */
  readonly updatePending: boolean;
}

export interface IncidentFilter {
  readonly state?: string | undefined;
  readonly host?: string | undefined;
  readonly limit: number;
  /** The id of an incident: those opened before it. */
  readonly cursor?: string | undefined;
}

interface StoredRow extends Record<string, SqlStorageValue> {
  body: string;
  opened_at: number;
  last_alert_at: number;
  last_notified_at: number;
  update_pending: number;
}

interface ShadowRow extends Record<string, SqlStorageValue> {
  version: string;
  windows: number;
  live_alerts: number;
  shadow_alerts: number;
  both_alerts: number;
}

export class IncidentStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`
      CREATE TABLE IF NOT EXISTS incidents (
        id TEXT PRIMARY KEY, host TEXT NOT NULL, state TEXT NOT NULL, active INTEGER NOT NULL, body TEXT NOT NULL,
        opened_at INTEGER NOT NULL, last_alert_at INTEGER NOT NULL, last_notified_at INTEGER NOT NULL,
        update_pending INTEGER NOT NULL DEFAULT 0);
      CREATE INDEX IF NOT EXISTS incidents_active ON incidents (active, host);
      CREATE INDEX IF NOT EXISTS incidents_opened ON incidents (opened_at);
      CREATE TABLE IF NOT EXISTS seen (window_id TEXT PRIMARY KEY, incident_id TEXT NOT NULL, at INTEGER NOT NULL);
      CREATE INDEX IF NOT EXISTS seen_at ON seen (at);
      CREATE INDEX IF NOT EXISTS seen_incident ON seen (incident_id);
      CREATE TABLE IF NOT EXISTS shadows (
        version TEXT PRIMARY KEY, windows INTEGER NOT NULL, live_alerts INTEGER NOT NULL,
        shadow_alerts INTEGER NOT NULL, both_alerts INTEGER NOT NULL);
      CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
    `);
  }

  isSeen(windowId: string): boolean {
    return this.#sql.exec('SELECT 1 FROM seen WHERE window_id = ?', windowId).toArray().length > 0;
  }

  markSeen(windowId: string, incidentId: string, now: number): void {
    this.#sql.exec('INSERT INTO seen (window_id, incident_id, at) VALUES (?, ?, ?)', windowId, incidentId, now);
  }

  /** Incidents that alerts may still join, the latest first. */
  active(host?: string): IncidentRow[] {
    const rows =
      host === undefined
        ? this.#sql.exec<StoredRow>('SELECT * FROM incidents WHERE active = 1 ORDER BY last_alert_at DESC')
        : this.#sql.exec<StoredRow>(
            'SELECT * FROM incidents WHERE active = 1 AND host = ? ORDER BY last_alert_at DESC',
            host,
          );
    return rows.toArray().map(toRow);
  }

  /** When the next incident is due, for its end or for an update that waits; null where none is active. */
  nextDue(quietMs: number, updateMs: number): number | null {
    return this.#sql
      .exec<{ at: number | null }>(
        `SELECT min(CASE WHEN update_pending = 1 THEN min(last_alert_at + ?1, last_notified_at + ?2)
                         ELSE last_alert_at + ?1 END) AS at FROM incidents WHERE active = 1`,
        quietMs,
        updateMs,
      )
      .one().at;
  }

  save(row: IncidentRow, active: boolean): void {
    this.#sql.exec(
      `INSERT OR REPLACE INTO incidents
        (id, host, state, active, body, opened_at, last_alert_at, last_notified_at, update_pending)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      row.incident.id,
      row.incident.host,
      row.incident.state,
      active ? 1 : 0,
      JSON.stringify(row.incident),
      row.openedAt,
      row.lastAlertAt,
      row.lastNotifiedAt,
      row.updatePending ? 1 : 0,
    );
  }

  find(id: string): { row: IncidentRow; active: boolean } | null {
    const [stored] = this.#sql
      .exec<StoredRow & { active: number }>('SELECT * FROM incidents WHERE id = ?', id)
      .toArray();
    return stored === undefined ? null : { row: toRow(stored), active: stored.active === 1 };
  }

  list(filter: IncidentFilter): Incident[] {
    const { state = null, host = null, cursor = null, limit } = filter;
    return this.#sql
      .exec<{ body: string }>(
        `SELECT body FROM incidents
          WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR host = ?2) AND (?3 IS NULL OR id < ?3)
          ORDER BY id DESC LIMIT ?4`,
        state,
        host,
        cursor,
        limit,
      )
      .toArray()
      .map(({ body }) => JSON.parse(body) as Incident);
  }

  /** Ids of the windows behind false alarms: training takes them back among the normal ones. */
  falseAlarmWindows(limit: number): string[] {
    return this.#sql
      .exec<{ window_id: string }>(
        "SELECT window_id FROM seen JOIN incidents ON incidents.id = incident_id WHERE state = 'false_alarm' ORDER BY at DESC LIMIT ?",
        limit,
      )
      .toArray()
      .map((row) => row.window_id);
  }

  /** Alerts and incidents since a time. */
  since(time: number): { alerts: number; incidents: number } {
    const { alerts } = this.#sql
      .exec<{ alerts: number }>('SELECT count(*) AS alerts FROM seen WHERE at >= ?', time)
      .one();
    const { incidents } = this.#sql
      .exec<{ incidents: number }>('SELECT count(*) AS incidents FROM incidents WHERE opened_at >= ?', time)
      .one();
    return { alerts, incidents };
  }

  /** Incidents that are not over, by state. */
  open(): Record<'open' | 'acknowledged', number> {
    return this.#sql
      .exec<Record<'open' | 'acknowledged', number>>(
        "SELECT count(*) FILTER (WHERE state = 'open') AS open, count(*) FILTER (WHERE state = 'acknowledged') AS acknowledged FROM incidents WHERE active = 1",
      )
      .one();
  }

  count(name: string, by: number): void {
    this.#sql.exec(
      'INSERT INTO counters (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value',
      name,
      by,
    );
  }

  counters(): Record<string, number> {
    const rows = this.#sql.exec<{ name: string; value: number }>('SELECT name, value FROM counters').toArray();
    return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
  }

  countShadow({ version, windows, live_alerts, shadow_alerts, both_alerts }: ShadowTally): void {
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
  shadows(): ShadowTally[] {
    return this.#sql.exec<ShadowRow>('SELECT * FROM shadows ORDER BY version DESC').toArray();
  }

  /** Forgets what is past the bounds; open incidents stay. */
  trim(now: number): void {
    this.#sql.exec('DELETE FROM incidents WHERE active = 0 AND opened_at < ?', now - MAX_AGE_MS);
    this.#sql.exec(
      'DELETE FROM incidents WHERE active = 0 AND id IN (SELECT id FROM incidents ORDER BY opened_at DESC LIMIT -1 OFFSET ?)',
      MAX_INCIDENTS,
    );
    this.#sql.exec(
      'DELETE FROM seen WHERE window_id IN (SELECT window_id FROM seen ORDER BY at DESC LIMIT -1 OFFSET ?)',
      MAX_SEEN,
    );
  }
}

function toRow(stored: StoredRow): IncidentRow {
  return {
    incident: JSON.parse(stored.body) as Incident,
    openedAt: stored.opened_at,
    lastAlertAt: stored.last_alert_at,
    lastNotifiedAt: stored.last_notified_at,
    updatePending: stored.update_pending === 1,
  };
}
