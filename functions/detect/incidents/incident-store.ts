/** Incidents, the alerts they are made of and the counters, in the Durable Object's SQLite; all bounded. */
import type { Incident } from '../../../contract/incident.ts';
import { type Level, techniquesOf } from '../../../contract/threats.ts';
import type { OpenIncident } from './joining.ts';

const MAX_INCIDENTS = 10_000;
/** Windows with an alert that are remembered: one that is repeated is known by them, and the windows of a false alarm. */
const MAX_SEEN = 50_000;
/** What an earlier build, which kept no end, waited for it. */
const EARLIER_QUIET_MS = 120_000;
/** Ended incidents of a host that a new alert is compared with. */
const MAX_REOPENABLE = 32;
const LATER = { campaign_id: null, reopened: 0, muted: null };
type StoredIncident = Omit<Incident, keyof typeof LATER | 'techniques'> & Partial<Incident>;

export interface IncidentRow extends OpenIncident {
  readonly lastAlertAt: number;
  readonly lastNotifiedAt: number;
  /** An escalation that was too early to be told. */
  readonly updatePending: boolean;
  /** Whether the webhook heard of it by itself, and not only as part of a campaign. */
  readonly told: boolean;
  /** When it is over unless another alert comes, or when it was over. */
  readonly endsAt: number;
}

export interface IncidentFilter {
  readonly state?: string | undefined;
  readonly host?: string | undefined;
  /** These alone; all where it is absent. */
  readonly levels?: readonly Level[] | undefined;
  readonly type?: string | undefined;
  /** With an alert since then, in milliseconds of the object's clock. */
  readonly since?: number | undefined;
  readonly campaign?: string | undefined;
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
  told: number;
  ends_at: number;
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
    `);
    addColumn(sql, 'told', 'told INTEGER NOT NULL DEFAULT 1');
    if (addColumn(sql, 'ends_at', 'ends_at INTEGER NOT NULL DEFAULT 0'))
      sql.exec('UPDATE incidents SET ends_at = last_alert_at + ?', EARLIER_QUIET_MS);
    sql.exec(`
      CREATE INDEX IF NOT EXISTS incidents_age ON incidents (active, opened_at);
      CREATE INDEX IF NOT EXISTS incidents_ended ON incidents (host, active, ends_at);
      CREATE INDEX IF NOT EXISTS incidents_due ON incidents (active, ends_at);
      CREATE INDEX IF NOT EXISTS incidents_pending ON incidents (last_notified_at) WHERE update_pending = 1;
      CREATE TABLE IF NOT EXISTS seen (window_id TEXT PRIMARY KEY, incident_id TEXT NOT NULL, at INTEGER NOT NULL);
      CREATE INDEX IF NOT EXISTS seen_at ON seen (at);
      CREATE INDEX IF NOT EXISTS seen_incident ON seen (incident_id);
      CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
    `);
  }

  isSeen(windowKey: string): boolean {
    return this.#sql.exec('SELECT 1 FROM seen WHERE window_id = ?', windowKey).toArray().length > 0;
  }

  markSeen(windowKey: string, incidentId: string, now: number): void {
    this.#sql.exec('INSERT INTO seen (window_id, incident_id, at) VALUES (?, ?, ?)', windowKey, incidentId, now);
  }

  /** Incidents of a host that alerts may still join, the latest first. */
  active(host: string): IncidentRow[] {
    return this.#rows('SELECT * FROM incidents WHERE active = 1 AND host = ? ORDER BY last_alert_at DESC', host);
  }

  /** Incidents of a host that were over since a time, the latest first. */
  ended(host: string, since: number): IncidentRow[] {
    return this.#rows(
      'SELECT * FROM incidents WHERE host = ? AND active = 0 AND ends_at >= ? ORDER BY ends_at DESC LIMIT ?',
      host,
      since,
      MAX_REOPENABLE,
    );
  }

  /** Active incidents that are over, or of which an update may be told. */
  due(now: number, updateMs: number, limit: number): IncidentRow[] {
    return this.#rows(
      `SELECT * FROM incidents WHERE active = 1 AND (ends_at <= ?1 OR (update_pending = 1 AND last_notified_at + ?2 <= ?1))
        ORDER BY ends_at LIMIT ?3`,
      now,
      updateMs,
      limit,
    );
  }

  /** When the next incident is due; null where none is active. */
  nextDue(updateMs: number): number | null {
    const { end, update } = this.#sql
      .exec<{ end: number | null; update: number | null }>(
        `SELECT (SELECT min(ends_at) FROM incidents WHERE active = 1) AS end,
                (SELECT min(last_notified_at) + ? FROM incidents WHERE update_pending = 1) AS "update"`,
        updateMs,
      )
      .one();
    return end === null || update === null ? end : Math.min(end, update);
  }

  save(row: IncidentRow, active: boolean): void {
    this.#sql.exec(
      `INSERT OR REPLACE INTO incidents
        (id, host, state, active, body, opened_at, last_alert_at, last_notified_at, update_pending, told, ends_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      row.incident.id,
      row.incident.host,
      row.incident.state,
      active ? 1 : 0,
      JSON.stringify(row.incident),
      row.openedAt,
      row.lastAlertAt,
      row.lastNotifiedAt,
      row.updatePending ? 1 : 0,
      row.told ? 1 : 0,
      row.endsAt,
    );
  }

  find(id: string): { row: IncidentRow; active: boolean } | null {
    const [stored] = this.#sql
      .exec<StoredRow & { active: number }>('SELECT * FROM incidents WHERE id = ?', id)
      .toArray();
    return stored === undefined ? null : { row: toRow(stored), active: stored.active === 1 };
  }

  list(filter: IncidentFilter): Incident[] {
    const { state = null, host = null, cursor = null, type = null, since = null, campaign = null, limit } = filter;
    return this.#sql
      .exec<{ body: string }>(
        `SELECT body FROM incidents
          WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR host = ?2) AND (?3 IS NULL OR id < ?3)
            AND (?4 IS NULL OR instr(?4, '"' || (body ->> 'level') || '"') > 0)
            AND (?5 IS NULL OR instr(body -> 'threat_types', '"' || ?5 || '"') > 0)
            AND (?6 IS NULL OR last_alert_at >= ?6) AND (?7 IS NULL OR body ->> 'campaign_id' = ?7)
          ORDER BY id DESC LIMIT ?8`,
        state,
        host,
        cursor,
        filter.levels === undefined ? null : JSON.stringify(filter.levels),
        type,
        since,
        campaign,
        limit,
      )
      .toArray()
      .map(toIncident);
  }

  /** Keys of the windows behind false alarms: training takes them back among the normal ones. */
  falseAlarmWindows(limit: number): string[] {
    return this.#sql
      .exec<{ window_id: string }>(
        "SELECT window_id FROM seen JOIN incidents ON incidents.id = incident_id WHERE state = 'false_alarm' ORDER BY at DESC LIMIT ?",
        limit,
      )
      .toArray()
      .map((row) => row.window_id);
  }

  /** Incidents that are not over, by state; `muted`: nobody was told of any alert of theirs. */
  open(): Record<'open' | 'acknowledged' | 'muted', number> {
    return this.#sql
      .exec<Record<'open' | 'acknowledged' | 'muted', number>>(
        `SELECT count(*) FILTER (WHERE state = 'open' AND NOT muted) AS open,
                count(*) FILTER (WHERE state = 'acknowledged' AND NOT muted) AS acknowledged,
                count(*) FILTER (WHERE muted) AS muted
          FROM (SELECT state, coalesce(body ->> '$.muted.alerts' = body ->> 'alerts', 0) AS muted
                  FROM incidents WHERE active = 1)`,
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

  /** Forgets what is past the bounds; open incidents stay. @returns how many incidents, and how many windows with an alert */
  trim(openedBefore: number): { incidents: number; windows: number } {
    const old = this.#sql.exec('DELETE FROM incidents WHERE active = 0 AND opened_at < ? RETURNING id', openedBefore);
    const beyond = this.#sql.exec(
      `DELETE FROM incidents WHERE active = 0
        AND id IN (SELECT id FROM incidents ORDER BY id DESC LIMIT -1 OFFSET ?) RETURNING id`,
      MAX_INCIDENTS,
    );
    const { windows } = this.#sql.exec<{ windows: number }>('SELECT count(*) AS windows FROM seen').one();
    const excess = Math.max(0, windows - MAX_SEEN);
    if (excess > 0)
      this.#sql.exec('DELETE FROM seen WHERE window_id IN (SELECT window_id FROM seen ORDER BY at LIMIT ?)', excess);
    return { incidents: old.toArray().length + beyond.toArray().length, windows: excess };
  }

  /** When the oldest incident that is over was opened. */
  oldestEnded(): number | null {
    return this.#sql.exec<{ at: number | null }>('SELECT min(opened_at) AS at FROM incidents WHERE active = 0').one()
      .at;
  }

  #rows(query: string, ...values: SqlStorageValue[]): IncidentRow[] {
    return this.#sql
      .exec<StoredRow>(query, ...values)
      .toArray()
      .map(toRow);
  }
}

/** @returns whether the table is of an earlier build, which lacks it */
function addColumn(sql: SqlStorage, name: string, definition: string): boolean {
  const there = sql.exec("SELECT 1 FROM pragma_table_info('incidents') WHERE name = ?", name).toArray().length > 0;
  if (!there) sql.exec(`ALTER TABLE incidents ADD COLUMN ${definition}`);
  return !there;
}

/** An incident of an earlier build lacks the fields that came later. */
function toIncident({ body }: { body: string }): Incident {
  const stored = JSON.parse(body) as StoredIncident;
  return { ...LATER, techniques: techniquesOf(stored.threat_types), ...stored };
}

function toRow(stored: StoredRow): IncidentRow {
  return {
    incident: toIncident(stored),
    openedAt: stored.opened_at,
    lastAlertAt: stored.last_alert_at,
    lastNotifiedAt: stored.last_notified_at,
    updatePending: stored.update_pending === 1,
    told: stored.told === 1,
    endsAt: stored.ends_at,
  };
}
