/** The public Worker as `vigia serve` runs it: with the bucket on disk, and with entries for what Cloudflare would do by itself. */
import { WorkerEntrypoint } from 'cloudflare:workers';
import { BindingsError } from '../bindings-error.ts';
import type { Bindings, UncheckedBindings } from './bindings.ts';
import detect from './index.ts';
import { DEPLOYMENT } from './metrics/tally.ts';
import { bindingsOf, isolate, metricsOf } from './services.ts';
import { trainEveryGroup } from './training/every-group.ts';

export { Bucket } from '../storage/bucket.ts';
export { Incidents, Metrics, Trainings, Webhooks, WindowBuffer } from './index.ts';

/**
 * A server that ends closes connections that are idle at this moment, and a request that is on its way on one of them is lost. So
 * shortly before, requests are kept waiting: every connection in use then has one under way, whose answer says `Connection: close`.
 */
const LONGEST_HOLD_MS = 2_000;
/** So often an open stream looks whether this process is about to end. */
const LOOK_EVERY_MS = 50;
let heldUntil = 0;

export default {
  async fetch(request, env, ctx) {
    const wait_ms = heldUntil - Date.now();
    if (wait_ms > 0) await scheduler.wait(wait_ms);
    const response = await detect.fetch(request, env, ctx);
    return response.headers.get('content-type') === 'text/event-stream' ? untilHeld(response, ctx) : response;
  },
} satisfies ExportedHandler<UncheckedBindings>;

/** A stream has no end that one could wait for: its client comes again, and goes on behind its last event. */
function untilHeld(response: Response, ctx: ExecutionContext): Response {
  if (response.body === null) return response;
  const { readable, writable } = new IdentityTransformStream();
  const ending = new AbortController();
  const look = setInterval(() => {
    if (heldUntil > Date.now()) ending.abort();
  }, LOOK_EVERY_MS);
  const passed = response.body
    .pipeTo(writable, { signal: ending.signal, preventAbort: true })
    .catch(() => writable.close())
    .catch(() => undefined) // the client is gone
    .finally(() => clearInterval(look));
  ctx.waitUntil(passed);
  return new Response(readable, response);
}

const OBJECT_BINDINGS = ['INCIDENTS', 'METRICS', 'TRAININGS', 'WEBHOOKS', 'WINDOW_BUFFER', 'BUCKET_ON_DISK'] as const;
export type ObjectBinding = (typeof OBJECT_BINDINGS)[number];

/** The Durable Objects of this process, for the other processes of the edge; served on a socket that only they reach. */
export class Objects extends WorkerEntrypoint<UncheckedBindings> {
  call(binding: ObjectBinding, name: string, method: string, args: readonly unknown[]): unknown {
    const object = OBJECT_BINDINGS.includes(binding) ? this.env[binding]?.getByName(name) : undefined;
    if (object === undefined) throw new BindingsError(binding, 'names no objects of this process');
    return Reflect.apply(Reflect.get(object, method), object, args);
  }
}

/** Served on a socket that only the supervisor reaches. */
export class Control extends WorkerEntrypoint<UncheckedBindings> {
  override async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === '/hold') heldUntil = Date.now() + Math.min(LONGEST_HOLD_MS, Number(searchParams.get('ms')));
    else if (pathname === '/train') await trainEveryGroup(bindingsOf(this.env));
    else if (pathname === '/upkeep') await keepStorage(bindingsOf(this.env));
    else return new Response(null, { status: 404 });
    return new Response(null, { status: 204 });
  }
}

async function keepStorage({ train, metrics }: Bindings): Promise<void> {
  const failed = await train.keepStorage();
  if (failed === 0) return;
  isolate.metrics.tally.add(DEPLOYMENT, 'ml_detector_upkeep_failures_total', {}, failed);
  await isolate.metrics.flush(metricsOf(metrics));
}
