/** The Durable Object of the deployment that adds up what all isolates counted. */
import { DurableObject } from 'cloudflare:workers';
import type { UncheckedBindings } from '../bindings.ts';
import type { Series } from './exposition.ts';
import type { Batch, Taker } from './feed.ts';
import { scopeOf } from './tally.ts';

/** Batches that come within this time are one write, however many isolates feed; who asks for /metrics waits for it. */
const WRITE_EVERY_MS = 100;
/** Isolates whose last batch is remembered, to know a repeated one; the longest silent go first. */
const MAX_ISOLATES = 4_096;

/** Series and value, of each group and of the deployment as a whole. */
export type Totals = Record<string, Record<Series, number>>;

export class Metrics extends DurableObject<UncheckedBindings> implements Taker {
  readonly #sql: SqlStorage;
  readonly #totals = new Map<string, Map<Series, number>>();
  /** The number of each isolate's last batch, the one that fed last at the end. */
  readonly #taken = new Map<string, number>();
  /** What is not written yet: scopes, and isolates. */
  readonly #unwritten = { scopes: new Set<string>(), isolates: new Set<string>() };
  #writing: Promise<void> | null = null;
  #wroteAt = 0;

  constructor(ctx: DurableObjectState, env: UncheckedBindings) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    // A row per scope: rows written are what costs.
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS totals (scope TEXT PRIMARY KEY, series TEXT NOT NULL);
      CREATE TABLE IF NOT EXISTS taken (isolate TEXT PRIMARY KEY, number INTEGER NOT NULL, at INTEGER NOT NULL);
    `);
    for (const { scope, series } of this.#sql.exec<{ scope: string; series: string }>('SELECT * FROM totals'))
      this.#totals.set(scope, new Map(Object.entries(JSON.parse(series) as Record<Series, number>)));
    for (const { isolate, number } of this.#sql.exec<{ isolate: string; number: number }>(
      'SELECT isolate, number FROM taken ORDER BY at',
    ))
      this.#taken.set(isolate, number);
  }

  async add({ isolate, number, counts }: Batch): Promise<void> {
    if (number > (this.#taken.get(isolate) ?? -1)) {
      for (const [group, { add, set }] of Object.entries(counts)) {
        const series = this.#scope(group);
        for (const [name, by] of Object.entries(add)) series.set(name, (series.get(name) ?? 0) + by);
        for (const [name, value] of Object.entries(set)) series.set(name, value);
      }
      this.#taken.delete(isolate);
      this.#taken.set(isolate, number);
      this.#unwritten.isolates.add(isolate);
    }
    this.#writing ??= this.#write();
    await this.#writing;
  }

  totals(): Totals {
    return Object.fromEntries([...this.#totals].map(([scope, series]) => [scope, Object.fromEntries(series)]));
  }

  /** Of one group; null where it has counted nothing, or stands among OTHER_GROUPS. */
  totalsOf(group: string): Record<Series, number> | null {
    const series = this.#totals.get(group);
    return series === undefined ? null : Object.fromEntries(series);
  }

  #scope(group: string): Map<Series, number> {
    const scope = scopeOf(group, this.#totals);
    let series = this.#totals.get(scope);
    if (series === undefined) {
      series = new Map();
      this.#totals.set(scope, series);
    }
    this.#unwritten.scopes.add(scope);
    return series;
  }

  async #write(): Promise<void> {
    // Always a wait, if of nothing: who called still has to keep the promise that the end of it takes away.
    await scheduler.wait(Math.max(0, this.#wroteAt + WRITE_EVERY_MS - Date.now()));
    this.#writing = null;
    this.#wroteAt = Date.now();
    this.ctx.storage.transactionSync(() => {
      for (const scope of this.#unwritten.scopes) {
        const series = JSON.stringify(Object.fromEntries(this.#totals.get(scope) ?? []));
        this.#sql.exec('INSERT OR REPLACE INTO totals (scope, series) VALUES (?, ?)', scope, series);
      }
      for (const isolate of this.#unwritten.isolates) {
        const number = this.#taken.get(isolate) ?? 0;
        this.#sql.exec('INSERT OR REPLACE INTO taken VALUES (?, ?, ?)', isolate, number, this.#wroteAt);
      }
      for (const isolate of this.#taken.keys()) {
        if (this.#taken.size <= MAX_ISOLATES) break;
        this.#taken.delete(isolate);
        this.#sql.exec('DELETE FROM taken WHERE isolate = ?', isolate);
      }
    });
    this.#unwritten.scopes.clear();
    this.#unwritten.isolates.clear();
  }
}
