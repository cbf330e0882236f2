/** The rules of incidents where they run, in a Durable Object of workerd with its SQLite, by a clock that the test turns. */
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { bundleSource, COMPATIBILITY_DATE } from '../cli/edge/bundle-workers.ts';
import type { IncidentPatch } from '../contract/incident.ts';
import type { WebhookEvent } from '../contract/webhook-event.ts';
import type { Alert } from '../functions/detect/incidents/alert.ts';
import type { Mutes } from '../functions/detect/incidents/muting.ts';

const WORKER = `
import { DurableObject } from 'cloudflare:workers';
import { IncidentBook } from './functions/detect/incidents/incident-book.ts';
export class Book extends DurableObject {
  async fetch(request) {
    const { steps, pace, mutes, before } = await request.json();
    if (before) this.ctx.storage.sql.exec(before);
    const told = [];
    let shown = 0;
    let now = 0;
    const outlet = { tell: (event) => told.push({ ...event, at_s: now / 1000 }), show: () => shown++ };
    const book = new IncidentBook(this.ctx.storage.sql, pace, outlet);
    const answers = [];
    for (const { at_s, alerts = [], hosts = [], alert, patch, patchCampaign } of steps) {
      let alarms = 0;
      for (let due = book.nextDue(); due !== null && due <= at_s * 1000; due = book.nextDue()) {
        now = Math.max(due, now);
        book.age(now);
        if (++alarms > 10_000) throw new Error('the alarm rings without end');
      }
      now = at_s * 1000;
      for (const each of alerts) book.take('default', each, mutes, now);
      for (const host of hosts)
        book.take('default', { ...alert, host, windowKey: host + '/' + alert.detectionType + '/' + at_s }, mutes, now);
      if (patch) answers.push(book.patch(patch.id, patch.patch, now));
      if (patchCampaign) answers.push(book.patchCampaign(patchCampaign.id, patchCampaign.patch, now));
    }
    return Response.json({
      told, shown, answers, next: book.nextDue(), bytes: this.ctx.storage.sql.databaseSize,
      incidents: book.incidents.list({ limit: 5000 }), campaigns: book.campaigns.list(100, null), counters: book.incidents.counters(), lastDay: book.recent.lastDay(now),
    });
  }
}
export default {
  fetch: (request, env) => env.BOOKS.getByName(new URL(request.url).pathname).fetch(request),
};`;

export interface Step {
  readonly at_s: number;
  readonly alerts?: readonly Alert[];
  /** One alert like `alert` of each. */
  readonly hosts?: readonly string[];
  readonly alert?: Alert;
  readonly patch?: { id: string; patch: IncidentPatch };
  readonly patchCampaign?: { id: string; patch: IncidentPatch };
}

export interface BookState {
  readonly told: (WebhookEvent & { at_s: number })[];
  /** Events of the live stream. */
  readonly shown: number;
  readonly answers: unknown[];
  readonly next: number | null;
  readonly bytes: number;
  readonly incidents: unknown[];
  readonly campaigns: unknown[];
  readonly counters: Record<string, number>;
  readonly lastDay: { readonly alerts: number; readonly incidents: number };
}

export interface BookInWorkerd {
  /** Takes the steps in a book of this name, which remembers those before; `before` is SQL that its storage runs first. */
  run(name: string, steps: readonly Step[], mutes?: Mutes, before?: string): Promise<BookState>;
  stop(): Promise<void>;
}

/** Quiet ends after 120 s, a return within 600 s reopens, 90 days are kept. */
const PACE = { quietMs: 120_000, reopenMs: 600_000, retentionMs: 90 * 86_400_000 };

export async function bookInWorkerd(): Promise<BookInWorkerd> {
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      modules: await bundleSource(WORKER),
      modulesRoot: '/',
      compatibilityDate: COMPATIBILITY_DATE,
      durableObjects: { BOOKS: { className: 'Book', useSQLite: true } },
      cf: false,
    }),
  );
  const url = await runtime.ready;
  return {
    run: async (name, steps, mutes = { maintenance: [], allowed: [] }, before = '') => {
      const answer = await fetch(new URL(name, url), {
        method: 'POST',
        body: JSON.stringify({ steps, mutes, before, pace: PACE }),
      });
      if (!answer.ok) throw new Error(await answer.text());
      return (await answer.json()) as BookState;
    },
    stop: () => runtime.dispose(),
  };
}
