/** The endpoints in the Durable Object's SQLite, with how each one does. */
import { DEFAULT_ENDPOINT, type EndpointFilter, endpointFilter } from '../../../contract/webhook-endpoint.ts';
import { type Failing, failedAt } from './schedule.ts';
import type { Target } from './target.ts';

export const MAX_ENDPOINTS = 20;

export interface Endpoint {
  readonly id: string;
  readonly target: Target;
  readonly filter: EndpointFilter;
  readonly enabled: boolean;
  /** Why it was given up; null: enabled, or disabled by its owner. */
  readonly disabledReason: string | null;
  readonly failing: Failing;
  readonly lastDeliveredAt: number | null;
  readonly lastError: string | null;
}

interface Row extends Record<string, SqlStorageValue> {
  id: string;
  target: string;
  filter: string;
  enabled: number;
  disabled_reason: string | null;
  failing_since: number | null;
  last_failed_at: number | null;
  last_delivered_at: number | null;
  last_error: string | null;
}

export class EndpointStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`
      CREATE TABLE IF NOT EXISTS endpoints (
        id TEXT PRIMARY KEY, target TEXT NOT NULL, filter TEXT NOT NULL, enabled INTEGER NOT NULL DEFAULT 1, disabled_reason TEXT,
        failing_since INTEGER, last_failed_at INTEGER, last_delivered_at INTEGER, last_error TEXT);
    `);
  }

  /** Makes the endpoint of WEBHOOK_URL what the environment says; its filter and whether it is enabled stay. */
  setDefault(url: string, secret: string | null): void {
    const target: Target = { format: 'ocsf', url, secrets: secret === null ? [] : [{ value: secret, until: null }] };
    const known = this.find(DEFAULT_ENDPOINT);
    if (known === null) this.add(DEFAULT_ENDPOINT, target, endpointFilter.parse({}));
    else this.change(known, { target });
  }

  /** The default one first, then by name. */
  all(): Endpoint[] {
    return this.#sql
      .exec<Row>('SELECT * FROM endpoints ORDER BY id = ? DESC, id', DEFAULT_ENDPOINT)
      .toArray()
      .map(toEndpoint);
  }

  ids(): string[] {
    const rows = this.#sql.exec<{ id: string }>('SELECT id FROM endpoints').toArray();
    return rows.map(({ id }) => id);
  }

  find(id: string): Endpoint | null {
    const [row] = this.#sql.exec<Row>('SELECT * FROM endpoints WHERE id = ?', id).toArray();
    return row === undefined ? null : toEndpoint(row);
  }

  add(id: string, target: Target, filter: EndpointFilter): void {
    this.#sql.exec(
      'INSERT INTO endpoints (id, target, filter) VALUES (?, ?, ?)',
      id,
      JSON.stringify(target),
      JSON.stringify(filter),
    );
  }

  /** At another URL, or enabled again, it begins with a clean record; a new URL also brings back one that was given up. */
  change(before: Endpoint, changes: Partial<Pick<Endpoint, 'target' | 'filter' | 'enabled'>>): void {
    const { target = before.target, filter = before.filter } = changes;
    const moved = target.url !== before.target.url;
    const enabled = changes.enabled ?? (before.enabled || (moved && before.disabledReason !== null));
    this.#sql.exec(
      'UPDATE endpoints SET target = ?, filter = ?, enabled = ? WHERE id = ?',
      JSON.stringify(target),
      JSON.stringify(filter),
      enabled ? 1 : 0,
      before.id,
    );
    if (moved || (enabled && !before.enabled))
      this.#sql.exec(
        'UPDATE endpoints SET disabled_reason = NULL, failing_since = NULL, last_failed_at = NULL, last_error = NULL WHERE id = ?',
        before.id,
      );
  }

  remove(id: string): void {
    this.#sql.exec('DELETE FROM endpoints WHERE id = ?', id);
  }

  succeeded(id: string, now: number): void {
    this.#sql.exec(
      'UPDATE endpoints SET failing_since = NULL, last_failed_at = NULL, last_error = NULL, last_delivered_at = ? WHERE id = ?',
      now,
      id,
    );
  }

  /** @returns whether it has failed for so long that it is to be disabled */
  failed({ id, failing }: Endpoint, error: string, now: number): boolean {
    const { since, lastAt, giveUp } = failedAt(failing, now);
    this.#sql.exec(
      'UPDATE endpoints SET failing_since = ?, last_failed_at = ?, last_error = ? WHERE id = ?',
      since,
      lastAt,
      error,
      id,
    );
    return giveUp;
  }

  disable(id: string, reason: string): void {
    this.#sql.exec('UPDATE endpoints SET enabled = 0, disabled_reason = ? WHERE id = ?', reason, id);
  }
}

function toEndpoint(row: Row): Endpoint {
  return {
    id: row.id,
    target: JSON.parse(row.target) as Target,
    filter: JSON.parse(row.filter) as EndpointFilter,
    enabled: row.enabled === 1,
    disabledReason: row.disabled_reason,
    failing: { since: row.failing_since, lastAt: row.last_failed_at },
    lastDeliveredAt: row.last_delivered_at,
    lastError: row.last_error,
  };
}
