/** What becomes of incidents as alerts come in, time passes and people decide, and what is told of them. */
import type { Campaign } from '../../../contract/campaign.ts';
import type { Incident, IncidentPatch } from '../../../contract/incident.ts';
import type { Alert } from './alert.ts';
import { CampaignStore } from './campaign-store.ts';
import { Campaigns } from './campaigns.ts';
import { CommentStore } from './comment-store.ts';
import { type IncidentEventType, incidentEvent } from './finding.ts';
import { newId } from './incident-id.ts';
import { type IncidentRow, IncidentStore } from './incident-store.ts';
import { extend, joins, leavesOut, open } from './joining.ts';
import { type Mutes, mutedBecause } from './muting.ts';
import type { Outlet } from './outlet.ts';
import { type Pace, quietAfter, UPDATE_EVERY_MS } from './pace.ts';
import { RecentCounts } from './recent-counts.ts';

/** Incidents of one host that are open at once. */
const MAX_ACTIVE_PER_HOST = 32;
/** Incidents that one alarm looks at; the rest follow at once. */
const MAX_DUE = 1_000;
const TRIM_EVERY_ALERTS = 256;

type Change = 'opened' | 'reopened' | 'renamed' | 'worse' | null;

export class IncidentBook {
  readonly incidents: IncidentStore;
  readonly campaigns: Campaigns;
  readonly comments: CommentStore;
  readonly recent: RecentCounts;
  readonly #outlet: Outlet;
  readonly #pace: Pace;
  #alertsSinceTrim = 0;

  constructor(sql: SqlStorage, pace: Pace, outlet: Outlet) {
    this.incidents = new IncidentStore(sql);
    this.campaigns = new Campaigns(new CampaignStore(sql), this.incidents, outlet, pace.reopenMs);
    this.comments = new CommentStore(sql);
    this.recent = new RecentCounts(sql);
    this.#outlet = outlet;
    this.#pace = pace;
  }

  /** A repeated alert changes nothing. */
  take(group: string, alert: Alert, mutes: Mutes, now: number): void {
    if (this.incidents.isSeen(alert.windowKey)) return;
    const because = mutedBecause(alert, mutes);
    const { row, change } = this.#place(group, alert, now);
    const next = because === null ? this.#notice(row, change, now) : muted(row, because);
    this.incidents.save(next, true);
    if (change !== null || next.incident.muted?.alerts === 1 || next.incident.campaign_id !== row.incident.campaign_id)
      this.#show(next);
    this.incidents.markSeen(alert.windowKey, next.incident.id, now);
    this.incidents.count('alerts', 1);
    this.recent.add({ alerts: 1, incidents: change === 'opened' ? 1 : 0 }, now);
    if (leavesOut(next.incident.attacking_ips, alert.attackingIps)) this.incidents.count('attackers_unnamed', 1);
    if (change === 'opened') this.incidents.count('incidents', 1);
    if (because !== null) this.incidents.count('alerts_muted', 1);
    this.#alertsSinceTrim++;
    if (this.#alertsSinceTrim >= TRIM_EVERY_ALERTS) this.#trim(now);
  }

  /** When `age` has something to do; null: never, unless there are more alerts. */
  nextDue(): number | null {
    const times = [this.incidents.nextDue(UPDATE_EVERY_MS), this.campaigns.nextDue(), this.#trimDueAt()];
    const known = times.filter((time) => time !== null);
    return known.length === 0 ? null : Math.min(...known);
  }

  /** Ends what is quiet, tells what had to wait, and forgets what was kept long enough. */
  age(now: number): void {
    const touched = new Set<string>();
    for (const row of this.incidents.due(now, UPDATE_EVERY_MS, MAX_DUE)) {
      if (row.endsAt > now) {
        this.incidents.save(this.#tellUpdate(row, now), true);
        continue;
      }
      const { state } = row.incident;
      this.#end(row, state === 'false_alarm' ? state : 'resolved', now);
      if (row.incident.campaign_id !== null) touched.add(row.incident.campaign_id);
    }
    this.campaigns.endWhereQuiet(touched, now);
    this.campaigns.tellDue(now);
    if ((this.#trimDueAt() ?? Number.POSITIVE_INFINITY) <= now) this.#trim(now);
  }

  /** @returns null where there is none of this id */
  patch(id: string, { state, note }: IncidentPatch, now: number): Incident | null {
    const found = this.incidents.find(id);
    if (found === null) return null;
    const incident = { ...found.row.incident, state, note: note ?? found.row.incident.note };
    const row = { ...found.row, incident, updatePending: false };
    if (state === 'resolved' && found.active) {
      this.#end(row, state, now);
      if (incident.campaign_id !== null) this.campaigns.endWhereQuiet(new Set([incident.campaign_id]), now);
      return incident;
    }
    // Whoever was paged hears that it was nothing.
    const next = state === 'false_alarm' && row.told ? this.#tell('incident.resolved', row, now) : row;
    this.incidents.save(next, found.active);
    this.#show(next);
    return incident;
  }

  /** The campaign and its incidents; of those that are over only whether they were false alarms. @returns null where there is none of this id */
  patchCampaign(id: string, patch: IncidentPatch, now: number): Campaign | null {
    const campaign = this.campaigns.patch(id, patch, now);
    if (campaign === null) return null;
    for (const member of this.campaigns.memberIds(id))
      if (patch.state === 'false_alarm' || this.incidents.find(member)?.active === true) this.patch(member, patch, now);
    return campaign;
  }

  #place(group: string, alert: Alert, now: number): { row: IncidentRow; change: Change } {
    const candidates = this.incidents.active(alert.host);
    // Under a flood of made-up sources the newest incident takes what would open ever more of them.
    const own = candidates.find((candidate) => joins(alert, candidate, now));
    const active = own ?? (candidates.length >= MAX_ACTIVE_PER_HOST ? candidates[0] : undefined);
    if (active !== undefined) {
      if (own === undefined) this.incidents.count('alerts_crowded', 1);
      return this.#extended(active, alert, now);
    }
    const back = this.incidents
      .ended(alert.host, now - this.#pace.reopenMs)
      // What settled long ago shows no new faces.
      .find(({ incident }) => joins(alert, { incident, openedAt: 0 }, now));
    if (back !== undefined) return { row: this.#reopened(back, alert, now), change: 'reopened' };
    const incident = open(alert, newId(group, now), group);
    const times = { openedAt: now, lastAlertAt: now, lastNotifiedAt: 0, endsAt: now + this.#pace.quietMs };
    return { row: { incident, ...times, updatePending: false, told: false }, change: 'opened' };
  }

  #extended(row: IncidentRow, alert: Alert, now: number): { row: IncidentRow; change: Change } {
    const { incident, escalated } = extend(row.incident, alert);
    const renamed = incident.primary_type !== row.incident.primary_type;
    const endsAt = now + quietAfter(incident.reopened, this.#pace);
    return {
      row: { ...row, incident, lastAlertAt: now, endsAt },
      change: renamed ? 'renamed' : escalated ? 'worse' : null,
    };
  }

  #reopened(row: IncidentRow, alert: Alert, now: number): IncidentRow {
    const { incident } = extend(row.incident, alert);
    const reopened = incident.reopened + 1;
    const state = incident.state === 'resolved' ? 'open' : incident.state;
    const endsAt = now + quietAfter(reopened, this.#pace);
    return { ...row, incident: { ...incident, reopened, state }, lastAlertAt: now, endsAt };
  }

  /** After an alert that nothing mutes: the incident is told of by its campaign, or by itself. */
  #notice(row: IncidentRow, change: Change, now: number): IncidentRow {
    if (row.incident.state === 'false_alarm') return row;
    const isNew = row.incident.campaign_id === null && row.lastNotifiedAt === 0;
    if (change !== null || isNew) {
      const campaign = this.campaigns.join(row, now);
      if (campaign !== null) {
        const state = campaign.state === 'open' ? row.incident.state : campaign.state;
        const incident = { ...row.incident, campaign_id: campaign.id, state };
        return { ...row, incident, updatePending: false };
      }
    } else if (row.incident.campaign_id !== null) return row;
    if (isNew) return this.#tell('threat.detected', row, now);
    return this.#tellUpdate({ ...row, updatePending: row.updatePending || change !== null }, now, change === 'renamed');
  }

  /**
   * Tells a pending update if a minute has passed since the last word, or at once where the incident turned out to be
   * something else: whoever was paged must not look for the wrong thing. A name only ever becomes more specific.
   */
  #tellUpdate(row: IncidentRow, now: number, renamed = false): IncidentRow {
    if (!row.updatePending || (!renamed && now - row.lastNotifiedAt < UPDATE_EVERY_MS)) return row;
    return { ...this.#tell('incident.updated', row, now), updatePending: false };
  }

  #end(row: IncidentRow, state: 'resolved' | 'false_alarm', now: number): void {
    const over = { ...row, incident: { ...row.incident, state }, endsAt: now, updatePending: false };
    const last = over.told ? this.#tell('incident.resolved', over, now) : over;
    this.incidents.save(last, false);
    this.campaigns.forget(last.incident.id);
    this.#show(last);
  }

  /** The receiver takes the incident for open after it, unless it was told that it is resolved. */
  #tell(type: IncidentEventType, row: IncidentRow, now: number): IncidentRow {
    this.#outlet.tell(incidentEvent(type, row.incident, new Date(now)));
    return { ...row, lastNotifiedAt: now, told: type !== 'incident.resolved' };
  }

  /** Of what is past its bound; counted. */
  #trim(now: number): void {
    this.#alertsSinceTrim = 0;
    this.recent.trim(now);
    const { incidents, windows } = this.incidents.trim(now - this.#pace.retentionMs);
    if (windows > 0) this.incidents.count('alert_windows_forgotten', windows);
    if (incidents === 0) return;
    this.incidents.count('incidents_forgotten', incidents);
    this.campaigns.dropEmpty();
    this.comments.dropOrphans();
  }

  #trimDueAt(): number | null {
    const oldest = this.incidents.oldestEnded();
    return oldest === null ? null : oldest + this.#pace.retentionMs + 1;
  }

  #show({ incident }: IncidentRow): void {
    this.#outlet.show({ kind: 'incident', data: incident });
  }
}

function muted(row: IncidentRow, because: string): IncidentRow {
  const alerts = (row.incident.muted?.alerts ?? 0) + 1;
  return { ...row, incident: { ...row.incident, muted: { alerts, because } } };
}
