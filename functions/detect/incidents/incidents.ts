/** The Durable Object of a group that turns runs of alerts into incidents, and tells the webhook of them. */
import { DurableObject } from 'cloudflare:workers';
import type { Incident, IncidentPatch } from '../../../contract/incident.ts';
import type { ShadowTally } from '../../../contract/model-list.ts';
import type { WebhookEvent } from '../../../contract/webhook-event.ts';
import { readWebhookSettings, type UncheckedBindings, type WebhookSettings } from '../bindings.ts';
import type { Alert } from './alert.ts';
import { deliver } from './deliver.ts';
import { incidentEvent, modelEvent } from './finding.ts';
import { type IncidentFilter, type IncidentRow, IncidentStore } from './incident-store.ts';
import { extend, joins, open } from './joining.ts';
import { Outbox, type OutboxCounts } from './outbox.ts';
import { refuseTarget } from './webhook-target.ts';

/** `incident.updated` is told at most this often for one incident. */
const UPDATE_EVERY_MS = 60_000;
/** Incidents of one host that are open at once. */
const MAX_ACTIVE_PER_HOST = 32;
const DAY_MS = 86_400_000;
const TRIM_EVERY_ALERTS = 256;

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
  readonly open: Readonly<Record<'open' | 'acknowledged', number>>;
  readonly counters: Record<string, number>;
  readonly webhook: OutboxCounts & { configured: boolean; refused: string | null };
}

export class Incidents extends DurableObject<UncheckedBindings> {
  readonly #store: IncidentStore;
  readonly #outbox: Outbox;
  readonly #settings: WebhookSettings;
  #alertsSinceTrim = 0;

  constructor(ctx: DurableObjectState, env: UncheckedBindings) {
    super(ctx, env);
    this.#store = new IncidentStore(ctx.storage.sql);
    this.#outbox = new Outbox(ctx.storage.sql);
    this.#settings = readWebhookSettings(env);
  }

  /** Takes the alerts of a post; they are durable once this returned, and a repeated one changes nothing. */
  async report(group: string, alerts: Alert[]): Promise<void> {
    const now = Date.now();
    for (const alert of alerts) {
      if (this.#store.isSeen(alert.windowId)) continue;
      const id = this.#join(group, alert, now);
      this.#store.markSeen(alert.windowId, id, now);
      this.#store.count('alerts', 1);
    }
    this.#alertsSinceTrim += alerts.length;
    if (this.#alertsSinceTrim >= TRIM_EVERY_ALERTS) {
      this.#store.trim(now);
      this.#alertsSinceTrim = 0;
    }
    await this.#setAlarm();
    this.ctx.waitUntil(this.#deliverDue());
  }

  async announce(news: ModelNews): Promise<void> {
    const { promoted, ...facts } = news;
    this.#send(modelEvent(promoted ? 'model.promoted' : 'model.rejected', facts, new Date()));
    await this.#setAlarm();
    this.ctx.waitUntil(this.#deliverDue());
  }

  list(filter: IncidentFilter): Incident[] {
    return this.#store.list(filter);
  }

  find(id: string): Incident | null {
    return this.#store.find(id)?.row.incident ?? null;
  }

  /** @returns the incident as it is now; null where there is none of this id */
  async patch(id: string, patch: IncidentPatch): Promise<Incident | null> {
    const found = this.#store.find(id);
    if (found === null) return null;
    const { row, active } = found;
    const incident = { ...row.incident, state: patch.state, note: patch.note ?? row.incident.note };
    const resolves = patch.state === 'resolved' && row.incident.state !== 'resolved';
    this.#store.save({ ...row, incident, updatePending: false }, active && !resolves);
    if (resolves) this.#send(incidentEvent('incident.resolved', incident, new Date()));
    await this.#setAlarm();
    this.ctx.waitUntil(this.#deliverDue());
    return incident;
  }

  falseAlarmWindows(limit: number): string[] {
    return this.#store.falseAlarmWindows(limit);
  }

  countShadow(tally: ShadowTally): void {
    this.#store.countShadow(tally);
  }

  /** How each version did that was scored beside a live one, the newest first. */
  shadows(): ShadowTally[] {
    return this.#store.shadows();
  }

  figures(): IncidentFigures {
    const { alerts, incidents } = this.#store.since(Date.now() - DAY_MS);
    return {
      alerts_last_24h: alerts,
      incidents_last_24h: incidents,
      open: this.#store.open(),
      counters: this.#store.counters(),
      webhook: {
        ...this.#outbox.counts(),
        configured: this.#settings.url !== null,
        refused: this.#settings.url === null ? null : refuseTarget(this.#settings.url, this.#settings.allowPrivate),
      },
    };
  }

  /** @returns how many dead letters are on their way again */
  async replayWebhooks(): Promise<number> {
    const replayed = this.#outbox.replay(Date.now());
    await this.#setAlarm();
    this.ctx.waitUntil(this.#deliverDue());
    return replayed;
  }

  override async alarm(): Promise<void> {
    const now = Date.now();
    for (const row of this.#store.active()) this.#age(row, now);
    await this.#setAlarm();
    await this.#deliverDue();
  }

  /** @returns the id of the incident that the alert is part of now */
  #join(group: string, alert: Alert, now: number): string {
    const candidates = this.#store.active(alert.host);
    // Under a flood of made-up sources the newest incident takes what would open ever more of them.
    const row =
      candidates.find((candidate) => joins(alert, candidate, now)) ??
      (candidates.length >= MAX_ACTIVE_PER_HOST ? candidates[0] : undefined);
    if (row === undefined) {
      const incident = open(alert, newId(group, now), group);
      this.#store.save({ incident, openedAt: now, lastAlertAt: now, lastNotifiedAt: now, updatePending: false }, true);
      this.#store.count('incidents', 1);
      this.#send(incidentEvent('threat.detected', incident, new Date(now)));
      return incident.id;
    }
    const { incident, escalated } = extend(row.incident, alert);
    const updatePending = row.updatePending || (escalated && incident.state !== 'false_alarm');
    const renamed = incident.primary_type !== row.incident.primary_type;
    this.#store.save(this.#tellUpdate({ ...row, incident, lastAlertAt: now, updatePending }, now, renamed), true);
    return incident.id;
  }

  /**
   * Tells a pending update if a minute has passed since the last word, or at once where the incident turned out to be
   * something else: whoever was paged must not look for the wrong thing. A name only ever becomes more specific.
   */
  #tellUpdate(row: IncidentRow, now: number, renamed = false): IncidentRow {
    if (!row.updatePending || (!renamed && now - row.lastNotifiedAt < UPDATE_EVERY_MS)) return row;
    this.#send(incidentEvent('incident.updated', row.incident, new Date(now)));
    return { ...row, lastNotifiedAt: now, updatePending: false };
  }

  #age(row: IncidentRow, now: number): void {
    if (now - row.lastAlertAt < this.#settings.incidentQuietS * 1000) {
      this.#store.save(this.#tellUpdate(row, now), true);
      return;
    }
    const falseAlarm = row.incident.state === 'false_alarm';
    const incident: Incident = falseAlarm ? row.incident : { ...row.incident, state: 'resolved' };
    this.#store.save({ ...row, incident, updatePending: false }, false);
    if (!falseAlarm) this.#send(incidentEvent('incident.resolved', incident, new Date(now)));
  }

  #send(event: WebhookEvent): void {
    const { url, allowPrivate } = this.#settings;
    if (url === null || refuseTarget(url, allowPrivate) !== null) return;
    this.#outbox.add(event, Date.now());
  }

  async #deliverDue(): Promise<void> {
    const { url, secret } = this.#settings;
    if (url === null) return;
    for (;;) {
      const due = this.#outbox.takeDue(Date.now());
      if (due.length === 0) break;
      await Promise.all(
        due.map(async (message) => {
          const error = await deliver(message, { url, secret }, new Date());
          if (error === null) {
            this.#outbox.delivered(message.id);
            this.#store.count('webhooks_delivered', 1);
            return;
          }
          const dead = this.#outbox.failed(message, error);
          this.#store.count(dead ? 'webhooks_dead' : 'webhooks_failed', 1);
          const event = dead ? 'webhook_dead_letter' : 'webhook_failed';
          console.warn(JSON.stringify({ level: 'warn', event, id: message.id, attempt: message.attempts, error }));
        }),
      );
    }
    await this.#setAlarm();
  }

  /** The object has one alarm: for the next retry, the next update that may be told, or the end of the quiet time. */
  async #setAlarm(): Promise<void> {
    const incident = this.#store.nextDue(this.#settings.incidentQuietS * 1000, UPDATE_EVERY_MS);
    const retry = this.#settings.url === null ? null : this.#outbox.nextAt();
    const times = [incident, retry].filter((time) => time !== null);
    if (times.length > 0) await this.ctx.storage.setAlarm(Math.min(...times));
  }
}

/** Sorts by time; ends in the group, which says where to look for the incident. */
function newId(group: string, now: number): string {
  const time = now.toString(36).padStart(9, '0');
  return `${time}${crypto.randomUUID().slice(0, 8)}.${group}`;
}
