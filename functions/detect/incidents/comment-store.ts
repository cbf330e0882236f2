/** What people wrote about incidents, in the object's SQLite. */
import type { IncidentComment } from '../../../contract/incident.ts';

export const MAX_COMMENTS = 50;

export class CommentStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`
      CREATE TABLE IF NOT EXISTS comments (
        id INTEGER PRIMARY KEY, incident_id TEXT NOT NULL, at TEXT NOT NULL, author TEXT, text TEXT NOT NULL);
      CREATE INDEX IF NOT EXISTS comments_incident ON comments (incident_id);
    `);
  }

  /** @returns whether there was room */
  add(incidentId: string, { at, author, text }: IncidentComment): boolean {
    if (this.of(incidentId).length >= MAX_COMMENTS) return false;
    this.#sql.exec(
      'INSERT INTO comments (incident_id, at, author, text) VALUES (?, ?, ?, ?)',
      incidentId,
      at,
      author,
      text,
    );
    return true;
  }

  /** The oldest first. */
  of(incidentId: string): IncidentComment[] {
    return this.#sql
      .exec<{ at: string; author: string | null; text: string }>(
        'SELECT at, author, text FROM comments WHERE incident_id = ? ORDER BY id',
        incidentId,
      )
      .toArray();
  }

  /** Of incidents that are kept no longer. */
  dropOrphans(): void {
    this.#sql.exec('DELETE FROM comments WHERE incident_id NOT IN (SELECT id FROM incidents)');
  }
}
