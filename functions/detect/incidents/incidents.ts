/** The Durable Object of a group that turns runs of alerts into incidents, and tells the Webhooks object of them. */
import { DurableObject } from 'cloudflare:workers';
import type { Campaign } from '../../../contract/campaign.ts';
import { type Change, incidentSummary } from '../../../contract/change.ts';
import type { Incident, IncidentComment, IncidentPatch } from '../../../contract/incident.ts';
import type { ShadowTally } from '../../../contract/model-list.ts';
import type { AllowedSource, MaintenanceBody, MaintenanceWindow } from '../../../contract/muting.ts';
import type { WebhookEvent } from '../../../contract/webhook-event.ts';
import { type IncidentSettings, readIncidentSettings, readPace, type UncheckedBindings } from '../bindings.ts';
import type { Alert } from './alert.ts';
import { ChangeLog } from './change-log.ts';
import { withLink } from './dashboard-link.ts';
import { modelEvent } from './finding.ts';
import { IncidentBook } from './incident-book.ts';
import type { IncidentFilter } from './incident-store.ts';
import { LiveStream } from './live-stream.ts';
import { MuteStore } from './mute-store.ts';
import type { Mutes } from './muting.ts';
import { Outbox } from './outbox.ts';
import type { News } from './outlet.ts';
import { ShadowStore } from './shadow-store.ts';

/** What became of a training, for the webhook. */
export interface ModelNews {
  readonly promoted: boolean;
  readonly group: string;
  readonly version: string;
  readonly reason: string;
  readonly quality: Record<string, unknown>;
}

export interface IncidentFigures {
  readonly alerts_last_24h: number;
  readonly incidents_last_24h: number;
  /** Not over yet, by state. */
  readonly open: Readonly<Record<'open' | 'acknowledged' | 'muted', number>>;
  readonly counters: Record<string, number>;
}

export class Incidents extends DurableObject<UncheckedBindings> {
  readonly #outbox: Outbox;
  readonly #shadows: ShadowStore;
  readonly #settings: IncidentSettings;
  readonly #mutes: MuteStore;
  readonly #changes: ChangeLog;
  readonly #live: LiveStream;
  readonly #book: IncidentBook;

  constructor(ctx: DurableObjectState, env: UncheckedBindings) {
    super(ctx, env);
    this.#outbox = new Outbox(ctx.storage.sql);
    this.#shadows = new ShadowStore(ctx.storage.sql);
    this.#settings = readIncidentSettings(env);
    this.#mutes = new MuteStore(ctx.storage.sql);
    this.#changes = new ChangeLog(ctx.storage.sql);
    this.#live = new LiveStream(this.#changes, (what) => this.#book.incidents.count(what, 1));
    this.#book = new IncidentBook(ctx.storage.sql, readPace(env), {
      tell: (event) => this.#send(event),
      show: (news) => this.#show(news),
    });
  }

  /** Takes the alerts of a post; they are durable once this returned, and a repeated one changes nothing. */
  async report(group: string, alerts: Alert[]): Promise<void> {
    const now = Date.now();
    for (const alert of alerts) this.#book.take(group, alert, this.#mutes.mutes, now);
    await this.#goOn();
  }

  async announce(news: ModelNews): Promise<void> {
    const { promoted, ...facts } = news;
    this.#send(modelEvent(promoted ? 'model.promoted' : 'model.rejected', facts, new Date()));
    await this.#goOn();
  }

  list(filter: IncidentFilter): Incident[] {
    return this.#book.incidents.list(filter);
  }

  find(id: string): Incident | null {
    return this.#book.incidents.find(id)?.row.incident ?? null;
  }

  /** @returns the incident as it is now; null where there is none of this id */
  async patch(id: string, patch: IncidentPatch): Promise<Incident | null> {
    const incident = this.#book.patch(id, patch, Date.now());
    await this.#goOn();
    return incident;
  }

  listCampaigns(limit: number, before: string | null): Campaign[] {
    return this.#book.campaigns.list(limit, before);
  }

  findCampaign(id: string): Campaign | null {
    return this.#book.campaigns.find(id);
  }

  /** Of the campaign, and of every incident of it. @returns null where there is none of this id */
  async patchCampaign(id: string, patch: IncidentPatch): Promise<Campaign | null> {
    const campaign = this.#book.patchCampaign(id, patch, Date.now());
    await this.#goOn();
    return campaign;
  }

  /** @returns the comments of the incident, the oldest first; null where there is none of this id */
  comments(id: string): IncidentComment[] | null {
    return this.find(id) === null ? null : this.#book.comments.of(id);
  }

  /** @returns `full` where it has too many comments; null where there is none of this id */
  addComment(id: string, comment: IncidentComment): IncidentComment | 'full' | null {
    if (this.find(id) === null) return null;
    return this.#book.comments.add(id, comment) ? comment : 'full';
  }

  mutes(): Mutes {
    return this.#mutes.mutes;
  }

  /** @returns null where there are too many */
  addMaintenance(body: MaintenanceBody): MaintenanceWindow | null {
    return this.#mutes.addMaintenance(body, Date.now());
  }

  /** @returns whether there was room */
  addAllowed(source: AllowedSource): boolean {
    return this.#mutes.addAllowed(source);
  }

  /** @returns whether it was there */
  removeMute(kind: 'maintenance' | 'allowed', id: string): boolean {
    return this.#mutes.remove(kind, id);
  }

  /**
   * Server-sent events of every change from now on.
   * @param after number of the last event that the listener had, to go on behind it
   * @returns null where there are too many listeners
   */
  listen(after: number | null): ReadableStream<Uint8Array> | null {
    return this.#live.open(after, Date.now());
  }

  falseAlarmWindows(limit: number): string[] {
    return this.#book.incidents.falseAlarmWindows(limit);
  }

  countShadow(tally: ShadowTally): void {
    this.#shadows.count(tally);
  }

  /** How each version did that was scored beside a live one, the newest first. */
  shadows(): ShadowTally[] {
    return this.#shadows.list();
  }

  figures(): IncidentFigures {
    const { alerts, incidents } = this.#book.recent.lastDay(Date.now());
    return {
      alerts_last_24h: alerts,
      incidents_last_24h: incidents,
      open: this.#book.incidents.open(),
      counters: this.#book.incidents.counters(),
    };
  }

  override async alarm(): Promise<void> {
    this.#book.age(Date.now());
    await this.#setAlarm();
    await this.#handOver();
  }

  #send(event: WebhookEvent): void {
    const group = this.ctx.id.name ?? 'default';
    const dropped = this.#outbox.add(group, withLink(event, group, this.#settings.dashboardUrl));
    if (dropped === 0) return;
    this.#book.incidents.count('webhooks_dropped', dropped);
    console.error(JSON.stringify({ level: 'error', event: 'webhooks_dropped', group, count: dropped }));
  }

  async #handOver(): Promise<void> {
    await this.#outbox.handOver(this.#settings.webhooks.getByName('webhooks'));
    await this.#setAlarm();
  }

  #show(news: News): void {
    const change: Change =
      news.kind === 'incident' ? { kind: 'incident', data: incidentSummary.parse(news.data) } : news;
    this.#live.send(this.#changes.add(change));
  }

  async #goOn(): Promise<void> {
    await this.#setAlarm();
    this.ctx.waitUntil(this.#handOver());
  }

  /** The object has one alarm: for what could not be handed over, the next update or end of a quiet time, and for what has been kept long enough. */
  async #setAlarm(): Promise<void> {
    const retry = this.#outbox.nextAt(Date.now());
    const times = [this.#book.nextDue(), retry].filter((time) => time !== null);
    if (times.length > 0) await this.ctx.storage.setAlarm(Math.min(...times));
  }
}
