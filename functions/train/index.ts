/** The train Worker: stores the windows that the Queue brings, trains a group when the public Worker asks, and keeps storage in order. */
import { WorkerEntrypoint } from 'cloudflare:workers';
import type { WindowPost } from '../../contract/stored-window.ts';
import { bindingsOf, type UncheckedBindings } from './bindings.ts';
import { oneAtATime } from './one-at-a-time.ts';
import type { TrainOutcome, TrainRequest, TrainService } from './service.ts';
import { storePosts } from './store-posts.ts';
import { trainOnce } from './train-once.ts';
import { keepStorage } from './upkeep/keep-storage.ts';

export default class Train extends WorkerEntrypoint<UncheckedBindings> implements TrainService {
  /** Nothing is served to the outside; a health check of the platform gets its answer. */
  override fetch(): Response {
    return Response.json({ service: 'vigia-train' }, { status: 404 });
  }

  train(request: TrainRequest): Promise<TrainOutcome> {
    return oneAtATime(() => trainOnce(bindingsOf(this.env).store, request, new Date()));
  }

  keepStorage(): Promise<void> {
    return keepStorage(bindingsOf(this.env), new Date());
  }

  override queue(batch: MessageBatch<WindowPost>): Promise<void> {
    return storePosts(bindingsOf(this.env).store, batch);
  }

  override scheduled(): Promise<void> {
    return this.keepStorage();
  }
}
