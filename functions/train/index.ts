/** The train Worker: stores the windows that the Queue brings, trains a group when the public Worker asks, and keeps storage in order. */
import { WorkerEntrypoint } from 'cloudflare:workers';
import type { WindowPost } from '../../contract/stored-window.ts';
import { bindingsOf, type UncheckedBindings } from './bindings.ts';
import { countersOf } from './counters.ts';
import { oneAtATime } from './one-at-a-time.ts';
import type { TrainOutcome, TrainRequest, TrainService } from './service.ts';
import { storePosts } from './store-posts.ts';
import { NOTHING_COUNTED, type TrainCounts } from './train-counts.ts';
import { trainOnce } from './train-once.ts';
import { keepStorage } from './upkeep/keep-storage.ts';

export { TrainCounters } from './counters.ts';

export default class Train extends WorkerEntrypoint<UncheckedBindings> implements TrainService {
  /** Nothing is served to the outside; a health check of the platform gets its answer. */
  override fetch(): Response {
    return Response.json({ service: 'vigia-train' }, { status: 404 });
  }

  train(request: TrainRequest): Promise<TrainOutcome> {
    return oneAtATime(() => trainOnce(bindingsOf(this.env).store, request, new Date()));
  }

  keepStorage(): Promise<number> {
    return keepStorage(bindingsOf(this.env), new Date());
  }

  async counts(): Promise<TrainCounts> {
    return this.env.COUNTERS === undefined ? NOTHING_COUNTED : countersOf(this.env.COUNTERS).all();
  }

  override async queue(batch: MessageBatch<WindowPost>): Promise<void> {
    await this.#count(await storePosts(bindingsOf(this.env).store, batch));
  }

  override async scheduled(): Promise<void> {
    await this.#count({ upkeep_failures: await this.keepStorage() });
  }

  /** Counts must cost no message: what cannot be counted is in the log. */
  async #count(counts: Partial<TrainCounts>): Promise<void> {
    if (this.env.COUNTERS === undefined || Object.values(counts).every((by) => by === 0)) return;
    try {
      await countersOf(this.env.COUNTERS).add(counts);
    } catch (error) {
      console.warn(JSON.stringify({ level: 'warn', event: 'not_counted', ...counts, message: String(error) }));
    }
  }
}
