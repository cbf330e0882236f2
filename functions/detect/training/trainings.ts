/** The Durable Object of a group that lets one training run at a time, and remembers what became of the last. */
import { DurableObject } from 'cloudflare:workers';
import { type TrainingRun, type TrainingState, trainingRun } from '../../../contract/training-run.ts';
import type { UncheckedBindings } from '../bindings.ts';

/** A run that has not renewed its lease for so long is dead: its process was killed, or the platform ended it. */
export const LEASE_MS = 30_000;

export type Grant =
  | { readonly status: 'granted'; readonly run: string }
  | { readonly status: 'running'; readonly since: string }
  | { readonly status: 'not_due'; readonly last: TrainingRun };

interface Lease extends Record<string, SqlStorageValue> {
  run: string;
  began_at: number;
  until: number;
}

const DIED = 'it ended without a word, as where its process is killed; the next training begins anew';

export class Trainings extends DurableObject<UncheckedBindings> {
  readonly #sql: SqlStorage;

  constructor(ctx: DurableObjectState, env: UncheckedBindings) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS lease (
        only INTEGER PRIMARY KEY CHECK (only = 1), run TEXT NOT NULL, began_at INTEGER NOT NULL, until INTEGER NOT NULL);
      CREATE TABLE IF NOT EXISTS last (only INTEGER PRIMARY KEY CHECK (only = 1), body TEXT NOT NULL);
    `);
  }

  /**
   * Grants the lease to one run at a time.
   * @param notWithin_ms no run where the last one that did not fail ended less than so long ago
   */
  begin(notWithin_ms = 0): Grant {
    const now = Date.now();
    const { running_since, last } = this.state();
    if (running_since !== null) return { status: 'running', since: running_since };
    if (last !== null && last.result !== 'failed' && now - Date.parse(last.ended_at) < notWithin_ms)
      return { status: 'not_due', last };
    if (last !== null) this.#remember(last);
    const run = crypto.randomUUID();
    this.#sql.exec('INSERT OR REPLACE INTO lease VALUES (1, ?, ?, ?)', run, now, now + LEASE_MS);
    return { status: 'granted', run };
  }

  /** Renews the lease. False where the run has lost it, and must change nothing any more. */
  renew(run: string): boolean {
    if (!this.#holds(run)) return false;
    this.#sql.exec('UPDATE lease SET until = ?', Date.now() + LEASE_MS);
    return true;
  }

  /** Ends a run. One that has lost its lease is not told of: another has begun, and has the last word. */
  end(run: string, outcome: Pick<TrainingRun, 'result' | 'reason' | 'version'>): void {
    const lease = this.#lease();
    if (lease?.run !== run) return;
    this.#remember({
      started_at: new Date(lease.began_at).toISOString(),
      ended_at: new Date().toISOString(),
      ...outcome,
    });
    this.#sql.exec('DELETE FROM lease');
  }

  state(): TrainingState {
    const lease = this.#lease();
    const last = this.#last();
    if (lease === null) return { running_since: null, last };
    const started_at = new Date(lease.began_at).toISOString();
    if (Date.now() < lease.until) return { running_since: started_at, last };
    const ended_at = new Date(lease.until).toISOString();
    return { running_since: null, last: { started_at, ended_at, result: 'failed', reason: DIED, version: null } };
  }

  #holds(run: string): boolean {
    const lease = this.#lease();
    return lease?.run === run && Date.now() < lease.until;
  }

  #lease(): Lease | null {
    return this.#sql.exec<Lease>('SELECT run, began_at, until FROM lease').toArray()[0] ?? null;
  }

  #last(): TrainingRun | null {
    const [row] = this.#sql.exec<{ body: string }>('SELECT body FROM last').toArray();
    return row === undefined ? null : trainingRun.parse(JSON.parse(row.body));
  }

  #remember(run: TrainingRun): void {
    this.#sql.exec('INSERT OR REPLACE INTO last VALUES (1, ?)', JSON.stringify(run));
  }
}
