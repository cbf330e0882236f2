/** The Durable Object that adds up what the train Worker's isolates counted. */
import { DurableObject } from 'cloudflare:workers';
import { NOTHING_COUNTED, type TrainCounts } from './train-counts.ts';

export class TrainCounters extends DurableObject {
  readonly #sql: SqlStorage;

  constructor(ctx: DurableObjectState, env: object) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec('CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL)');
  }

  add(counts: Partial<TrainCounts>): void {
    for (const [name, by] of Object.entries(counts))
      this.#sql.exec(
        'INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value',
        name,
        by,
      );
  }

  all(): TrainCounts {
    const rows = this.#sql
      .exec<{ name: keyof TrainCounts; value: number }>('SELECT name, value FROM counters')
      .toArray();
    return { ...NOTHING_COUNTED, ...Object.fromEntries(rows.map(({ name, value }) => [name, value])) };
  }
}

/** The one of the deployment. */
export function countersOf(namespace: DurableObjectNamespace<TrainCounters>): DurableObjectStub<TrainCounters> {
  return namespace.getByName('counters');
}
