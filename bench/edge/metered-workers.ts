/** The Workers as Cloudflare runs them, windows through the Queue, with every operation on a binding counted. */
import { Miniflare } from 'miniflare';
import * as z from 'zod';
import { bundleSource } from '../../cli/edge/bundle-workers.ts';
import { runtimeOptions } from '../../cli/edge/runtime-options.ts';
import { VARIABLES } from './served-edge.ts';

/** Bindings and objects hand every call on; what is paid for is counted on the way. */
const METER = `
const counted = {};
const count = (what, by = 1) => { counted[what] = (counted[what] ?? 0) + by; };
const calls = (target, told) => new Proxy(target, {
  get(_, name) {
    const value = target[name];
    if (typeof value !== 'function') return value;
    return (...values) => { told(name, values); return target[name](...values); };
  },
});
const CLASS = { get: 'class_b', head: 'class_b', put: 'class_a', list: 'class_a' };
const UNIT_BYTES = 65536;
function meter(name, binding) {
  if (name === 'BUCKET') return calls(binding, (method) => CLASS[method] && count(CLASS[method]));
  // Each message is written, read and deleted.
  if (name === 'WINDOWS') return calls(binding, (method, [body]) =>
    method === 'send' && count('queue_operations', 3 * Math.ceil(new TextEncoder().encode(JSON.stringify(body)).length / UNIT_BYTES)));
  if (typeof binding?.getByName === 'function')
    return { getByName: (id) => calls(binding.getByName(id), () => count('object_requests')) };
  return binding;
}
const environments = new WeakMap();
function metered(env) {
  if (!environments.has(env)) environments.set(env, Object.fromEntries(Object.entries(env).map(([name, binding]) => [name, meter(name, binding)])));
  return environments.get(env);
}
const object = (Class) => class extends Class {
  constructor(ctx, env) {
    const { storage } = ctx;
    const exec = storage.sql.exec.bind(storage.sql);
    const setAlarm = storage.setAlarm.bind(storage);
    Object.defineProperty(storage.sql, 'exec', { value: (...values) => {
      const cursor = exec(...values);
      count('rows_written', cursor.rowsWritten);
      return cursor;
    } });
    Object.defineProperty(storage, 'setAlarm', { value: (...values) => { count('rows_written'); return setAlarm(...values); } });
    super(ctx, metered(env));
  }
  alarm() { count('object_requests'); return super.alarm?.(); }
};
`;

const DETECT = `
import detect, * as all from './functions/detect/index.ts';
${METER}
export const Incidents = object(all.Incidents), Metrics = object(all.Metrics), Trainings = object(all.Trainings);
export const Webhooks = object(all.Webhooks), WindowBuffer = object(all.WindowBuffer);
export default {
  fetch(request, env, ctx) {
    if (new URL(request.url).pathname === '/counted') return Response.json(counted);
    count('requests');
    return detect.fetch(request, metered(env), ctx);
  },
  scheduled: (controller, env, ctx) => detect.scheduled(controller, metered(env), ctx),
  queue: (batch, env, ctx) => detect.queue(batch, metered(env), ctx),
};`;

const TRAIN = `
import Train from './functions/train/index.ts';
export { TrainCounters } from './functions/train/index.ts';
import { bindingsOf } from './functions/train/bindings.ts';
import { keepStorage } from './functions/train/upkeep/keep-storage.ts';
${METER}
export default class extends Train {
  constructor(ctx, env) { super(ctx, metered(env)); }
  async fetch(request) {
    const { searchParams } = new URL(request.url);
    const ahead_ms = Number(searchParams.get('ahead_ms'));
    if (ahead_ms > 0) await keepStorage(bindingsOf(this.env), new Date(Date.now() + ahead_ms));
    return Response.json(counted);
  }
  queue(batch) { count('requests'); return super.queue(batch); }
};`;

const COUNTS = ['requests', 'queue_operations', 'object_requests', 'rows_written', 'class_a', 'class_b'] as const;
export type Operations = Record<(typeof COUNTS)[number], number>;
const counts = z.partialRecord(z.enum(COUNTS), z.number());

export interface MeteredWorkers {
  readonly url: string;
  readonly runtime: Miniflare;
  /** Of both Workers so far. */
  counted(): Promise<Operations>;
  /** Does what the cron of the train Worker does, as if so much time had passed. */
  upkeep(ahead_ms: number): Promise<void>;
}

export async function withMeteredWorkers<T>(
  stateDir: string,
  use: (workers: MeteredWorkers) => Promise<T>,
): Promise<T> {
  const vars = { ...VARIABLES, WINDOW_DELIVERY: 'queue' };
  const options = await runtimeOptions({ host: '127.0.0.1', port: 0, stateDir, vars, log: () => undefined });
  for (const worker of options.workers) {
    const source = { vigia: DETECT, 'vigia-train': TRAIN }[worker.config.name];
    const { manifest } = worker.config;
    if (source === undefined || manifest === undefined) continue;
    const [entry] = await bundleSource(source);
    const main = manifest.modules[manifest.mainModule];
    if (entry === undefined || main === undefined) throw new Error(`${worker.config.name} has no entry`);
    Object.assign(main, { contents: entry.contents });
  }
  const runtime = new Miniflare(options);
  try {
    const url = (await runtime.unsafeGetDirectURL('vigia')).origin;
    const train = await runtime.getWorker('vigia-train');
    const read = async (answer: { json(): Promise<unknown> }) => counts.parse(await answer.json());
    return await use({
      url,
      runtime,
      counted: async () => {
        const [detect, stored] = [
          await read(await fetch(`${url}/counted`)),
          await read(await train.fetch('http://train/')),
        ];
        return operations((name) => (detect[name] ?? 0) + (stored[name] ?? 0));
      },
      upkeep: async (ahead_ms) => void (await train.fetch(`http://train/?ahead_ms=${ahead_ms}`)),
    });
  } finally {
    await runtime.dispose();
  }
}

/** A figure for each operation. */
export function operations(of: (name: keyof Operations) => number): Operations {
  return {
    requests: of('requests'),
    queue_operations: of('queue_operations'),
    object_requests: of('object_requests'),
    rows_written: of('rows_written'),
    class_a: of('class_a'),
    class_b: of('class_b'),
  };
}
