/** The Webhooks object in workerd with a clock that can be put forward: a schedule of a day and more is gone through in seconds. */
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { bundleSource, COMPATIBILITY_DATE } from '../cli/edge/bundle-workers.ts';
import { outboundWorker } from '../cli/edge/runtime-options.ts';
import type {
  DeadLetter,
  DeadLetterPage,
  EndpointPatch,
  EndpointView,
  NewEndpoint,
} from '../contract/webhook-endpoint.ts';
import type { WebhookFigures } from '../functions/detect/webhooks/figures.ts';
import type { Message } from '../functions/detect/webhooks/message.ts';

/** Methods of the object are called by name; `ahead` outlives the object, as a clock does. */
const WORKER = `
import { Webhooks as Real } from './functions/detect/webhooks/webhooks.ts';
let ahead = 0;
export class Webhooks extends Real {
  now() { return Date.now() + ahead; }
  async advance(ms) { ahead += ms; await this.alarm(); }
}
export default {
  async fetch(request, env) {
    const { method, values } = await request.json();
    return Response.json((await env.WEBHOOKS.getByName('webhooks')[method](...values)) ?? null);
  },
};`;

export type Answer<Kind> = Kind & { refused?: number; detail?: string };

export interface WebhooksInWorkerd {
  create(endpoint: NewEndpoint): Promise<Answer<{ id: string; secret: string | null }>>;
  change(id: string, patch: EndpointPatch): Promise<Answer<EndpointView>>;
  remove(id: string): Promise<Answer<{ dropped: number }>>;
  rotate(id: string): Promise<Answer<{ secret: string }>>;
  get(id: string, group?: string): Promise<Answer<EndpointView>>;
  list(group?: string): Promise<EndpointView[]>;
  take(messages: Message[]): Promise<void>;
  dead(id: string): Promise<DeadLetter[]>;
  deadPage(id: string, limit: number, cursor: string | null): Promise<DeadLetterPage>;
  replay(id: string, message?: string): Promise<Answer<{ replayed: number }>>;
  test(id: string): Promise<Answer<{ delivered: boolean; error: string | null }>>;
  figures(): Promise<Record<string, WebhookFigures>>;
  /** Puts the clock forward and lets what is due then begin. */
  advance(ms: number): Promise<void>;
  readonly logs: string[];
  stop(): Promise<void>;
}

/** @param outbound variables of the network; the same as the object's where a test does not part them */
export async function webhooksInWorkerd(
  vars: Record<string, string> = { WEBHOOK_ALLOW_PRIVATE: 'true' },
  outbound: Record<string, string> = vars,
): Promise<WebhooksInWorkerd> {
  const logs: string[] = [];
  const common = { modulesRoot: '/', compatibilityDate: COMPATIBILITY_DATE };
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      handleStructuredLogs: ({ message }) => logs.push(message),
      cf: false,
      workers: [
        {
          ...common,
          name: 'webhooks',
          modules: await bundleSource(WORKER),
          durableObjects: { WEBHOOKS: { className: 'Webhooks', useSQLite: true } },
          bindings: vars,
          outboundService: 'vigia-outbound',
        },
        { ...common, ...outboundWorker(outbound) },
      ],
    }),
  );
  const url = await runtime.ready;
  const call = async <Kind>(method: string, ...values: unknown[]): Promise<Kind> => {
    const answer = await fetch(url, { method: 'POST', body: JSON.stringify({ method, values }) });
    if (!answer.ok) throw new Error(await answer.text());
    return (await answer.json()) as Kind;
  };
  return {
    create: (endpoint) => call('create', endpoint),
    change: (id, patch) => call('change', id, patch, null),
    remove: (id) => call('remove', id, null),
    rotate: (id) => call('rotate', id, null),
    get: (id, group) => call('get', id, group ?? null),
    list: (group) => call('list', group ?? null),
    take: (messages) => call('take', messages),
    dead: async (id) => (await call<DeadLetterPage>('dead', id, 50, null, null)).dead,
    deadPage: (id, limit, cursor) => call('dead', id, limit, cursor, null),
    replay: (id, message) => call('replay', id, message ?? null, null),
    test: (id) => call('test', id, null),
    figures: () => call('figures'),
    advance: (ms) => call('advance', ms),
    logs,
    stop: () => runtime.dispose(),
  };
}
