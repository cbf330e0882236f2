/** Campaigns, which incidents they hold, and the incidents that may still become one, in the object's SQLite; all bounded. */
import type { Campaign } from '../../../contract/campaign.ts';
import type { Incident } from '../../../contract/incident.ts';
import { SAME_TYPE_WITHIN_MS } from './campaigning.ts';

/** Past this, incidents stand alone and are told one by one. */
const MAX_ACTIVE = 256;
/** Addresses by which an incident that stands alone is found. */
const MAX_SOURCES = 8;

export interface CampaignRow {
  readonly campaign: Campaign;
  readonly active: boolean;
  readonly openedAt: number;
  readonly lastToldAt: number;
  /** Hosts when it was told last; 0: not told yet. */
  readonly toldHosts: number;
  readonly updatePending: boolean;
}

export interface CampaignTotals {
  readonly alerts: number;
  readonly last_seen: string;
}

interface StoredCampaign extends Record<string, SqlStorageValue> {
  body: string;
  active: number;
  opened_at: number;
  last_told_at: number;
  told_hosts: number;
  update_pending: number;
}

export class CampaignStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`
      CREATE TABLE IF NOT EXISTS campaigns (
        id TEXT PRIMARY KEY, active INTEGER NOT NULL, body TEXT NOT NULL, opened_at INTEGER NOT NULL,
        last_told_at INTEGER NOT NULL, told_hosts INTEGER NOT NULL, update_pending INTEGER NOT NULL,
        ended_at INTEGER NOT NULL);
      CREATE INDEX IF NOT EXISTS campaigns_active ON campaigns (active, ended_at);
      CREATE TABLE IF NOT EXISTS members (incident_id TEXT PRIMARY KEY, campaign_id TEXT NOT NULL, host TEXT NOT NULL);
      CREATE INDEX IF NOT EXISTS members_campaign ON members (campaign_id, host);
      CREATE TABLE IF NOT EXISTS alone (
        incident_id TEXT PRIMARY KEY, host TEXT NOT NULL, detection_type TEXT NOT NULL, primary_type TEXT NOT NULL,
        opened_at INTEGER NOT NULL);
      CREATE INDEX IF NOT EXISTS alone_type ON alone (detection_type, primary_type, opened_at);
      CREATE TABLE IF NOT EXISTS alone_sources (
        ip TEXT NOT NULL, incident_id TEXT NOT NULL, PRIMARY KEY (ip, incident_id)) WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS alone_sources_incident ON alone_sources (incident_id);
    `);
  }

  save(row: CampaignRow, now: number): void {
    this.#sql.exec(
      `INSERT OR REPLACE INTO campaigns
        (id, active, body, opened_at, last_told_at, told_hosts, update_pending, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      row.campaign.id,
      row.active ? 1 : 0,
      JSON.stringify(row.campaign),
      row.openedAt,
      row.lastToldAt,
      row.toldHosts,
      row.updatePending ? 1 : 0,
      now,
    );
  }

  find(id: string): CampaignRow | null {
    const [stored] = this.#sql.exec<StoredCampaign>('SELECT * FROM campaigns WHERE id = ?', id).toArray();
    return stored === undefined ? null : toRow(stored);
  }

  /** Campaigns that an incident may join: the active ones first, then those that ended since a time. */
  joinable(endedSince: number): CampaignRow[] {
    return this.#sql
      .exec<StoredCampaign>(
        'SELECT * FROM campaigns WHERE active = 1 OR ended_at >= ? ORDER BY active DESC, ended_at DESC LIMIT ?',
        endedSince,
        2 * MAX_ACTIVE,
      )
      .toArray()
      .map(toRow);
  }

  isFull(): boolean {
    const { active } = this.#sql
      .exec<{ active: number }>('SELECT count(*) AS active FROM campaigns WHERE active = 1')
      .one();
    return active >= MAX_ACTIVE;
  }

  list(limit: number, before: string | null): Campaign[] {
    return this.#sql
      .exec<{ body: string }>(
        'SELECT body FROM campaigns WHERE ?1 IS NULL OR id < ?1 ORDER BY id DESC LIMIT ?2',
        before,
        limit,
      )
      .toArray()
      .map(({ body }) => JSON.parse(body) as Campaign);
  }

  /** @returns whether the host is new to the campaign */
  addMember({ id, host }: Incident, campaignId: string): boolean {
    const known = this.#sql
      .exec('SELECT 1 FROM members WHERE campaign_id = ? AND host = ? LIMIT 1', campaignId, host)
      .toArray();
    this.#sql.exec(
      'INSERT OR REPLACE INTO members (incident_id, campaign_id, host) VALUES (?, ?, ?)',
      id,
      campaignId,
      host,
    );
    this.forgetAlone(id);
    return known.length === 0;
  }

  memberIds(campaignId: string): string[] {
    return this.#sql
      .exec<{ incident_id: string }>('SELECT incident_id FROM members WHERE campaign_id = ?', campaignId)
      .toArray()
      .map((row) => row.incident_id);
  }

  hasActiveMembers(campaignId: string): boolean {
    return (
      this.#sql
        .exec(
          'SELECT 1 FROM members JOIN incidents ON id = incident_id WHERE campaign_id = ? AND active = 1 LIMIT 1',
          campaignId,
        )
        .toArray().length > 0
    );
  }

  /** Summed over its incidents when somebody asks, and not counted up at every alert of a thousand hosts. */
  totals(campaignId: string): CampaignTotals | null {
    const { alerts, last_seen } = this.#sql
      .exec<{ alerts: number | null; last_seen: string | null }>(
        `SELECT sum(body ->> 'alerts') AS alerts, max(body ->> 'last_seen') AS last_seen
          FROM members JOIN incidents ON id = incident_id WHERE campaign_id = ?`,
        campaignId,
      )
      .one();
    return alerts === null || last_seen === null ? null : { alerts, last_seen };
  }

  /** Remembers an incident that stands alone, for others to find it. */
  keepAlone({ id, host, detection_type, primary_type, attacking_ips }: Incident, openedAt: number): void {
    this.#sql.exec(
      'INSERT OR REPLACE INTO alone (incident_id, host, detection_type, primary_type, opened_at) VALUES (?, ?, ?, ?, ?)',
      id,
      host,
      detection_type,
      primary_type,
      openedAt,
    );
    this.#sql.exec('DELETE FROM alone_sources WHERE incident_id = ?', id);
    for (const ip of attacking_ips.slice(0, MAX_SOURCES))
      this.#sql.exec('INSERT INTO alone_sources (ip, incident_id) VALUES (?, ?)', ip, id);
  }

  forgetAlone(incidentId: string): void {
    this.#sql.exec('DELETE FROM alone WHERE incident_id = ?', incidentId);
    this.#sql.exec('DELETE FROM alone_sources WHERE incident_id = ?', incidentId);
  }

  /** Incidents alone on other hosts that share a source with this one, the oldest first. */
  aloneBySource({ host, detection_type, attacking_ips }: Incident): string[] {
    const ips = attacking_ips.slice(0, MAX_SOURCES);
    if (ips.length === 0) return [];
    return this.#sql
      .exec<{ incident_id: string }>(
        `SELECT DISTINCT incident_id FROM alone_sources JOIN alone USING (incident_id)
          WHERE ip IN (${ips.map(() => '?').join(', ')}) AND host <> ? AND detection_type = ? ORDER BY opened_at`,
        ...ips,
        host,
        detection_type,
      )
      .toArray()
      .map((row) => row.incident_id);
  }

  /** Incidents alone on other hosts that are called the same and opened lately, one a host. */
  aloneByType({ host, detection_type, primary_type }: Incident, now: number): string[] {
    return this.#sql
      .exec<{ incident_id: string }>(
        `SELECT min(incident_id) AS incident_id FROM alone
          WHERE detection_type = ? AND primary_type = ? AND opened_at >= ? AND host <> ? GROUP BY host ORDER BY 1`,
        detection_type,
        primary_type,
        now - SAME_TYPE_WITHIN_MS,
        host,
      )
      .toArray()
      .map((row) => row.incident_id);
  }

  /** Active ones of which a word may be due. */
  pending(): CampaignRow[] {
    return this.#sql
      .exec<StoredCampaign>('SELECT * FROM campaigns WHERE active = 1 AND update_pending = 1')
      .toArray()
      .map(toRow);
  }

  /** Forgets campaigns of which no incident is kept. */
  dropEmpty(): void {
    this.#sql.exec('DELETE FROM members WHERE incident_id NOT IN (SELECT id FROM incidents)');
    this.#sql.exec('DELETE FROM campaigns WHERE active = 0 AND id NOT IN (SELECT campaign_id FROM members)');
  }
}

function toRow(stored: StoredCampaign): CampaignRow {
  return {
    campaign: JSON.parse(stored.body) as Campaign,
    active: stored.active === 1,
    openedAt: stored.opened_at,
    lastToldAt: stored.last_told_at,
    toldHosts: stored.told_hosts,
    updatePending: stored.update_pending === 1,
  };
}
