/** What becomes of campaigns as incidents join, get worse and end, and what is told of them. */
import type { Campaign } from '../../../contract/campaign.ts';
import type { IncidentPatch } from '../../../contract/incident.ts';
import type { CampaignRow, CampaignStore } from './campaign-store.ts';
import { belongs, CAMPAIGN_SETTLES_MS, grow, openCampaign, passedMilestone, SAME_TYPE_HOSTS } from './campaigning.ts';
import { campaignEvent, type IncidentEventType } from './finding.ts';
import { newId } from './incident-id.ts';
import type { IncidentRow, IncidentStore } from './incident-store.ts';
import { leavesOut } from './joining.ts';
import type { Outlet } from './outlet.ts';
import { UPDATE_EVERY_MS } from './pace.ts';

export class Campaigns {
  readonly #store: CampaignStore;
  readonly #incidents: IncidentStore;
  readonly #outlet: Outlet;
  readonly #reopenMs: number;

  constructor(store: CampaignStore, incidents: IncidentStore, outlet: Outlet, reopenMs: number) {
    this.#store = store;
    this.#incidents = incidents;
    this.#outlet = outlet;
    this.#reopenMs = reopenMs;
  }

  /** Finds or opens the campaign that an incident is part of, with what is new of it; null where it stands alone. */
  join(row: IncidentRow, now: number): Campaign | null {
    const { incident, openedAt } = row;
    const own = incident.campaign_id === null ? null : this.#store.find(incident.campaign_id);
    const known = own ?? this.#fitting(row, now);
    if (known !== null) return this.#add(known, row, now, false);
    const opened = this.#open(row, now);
    if (opened !== null) return this.#add(opened, row, now, true);
    this.#store.keepAlone(incident, openedAt);
    return null;
  }

  /** The incident stands alone no longer. */
  forget(incidentId: string): void {
    this.#store.forgetAlone(incidentId);
  }

  find(id: string): Campaign | null {
    const row = this.#store.find(id);
    return row === null ? null : this.#whole(row).campaign;
  }

  list(limit: number, before: string | null): Campaign[] {
    return this.#store.list(limit, before).map((campaign) => this.find(campaign.id) ?? campaign);
  }

  /** Of the campaign alone, not of its incidents. @returns null where there is none of this id */
  patch(id: string, { state, note }: IncidentPatch, now: number): Campaign | null {
    const row = this.#store.find(id);
    if (row === null) return null;
    const whole = this.#whole(row);
    const campaign = { ...whole.campaign, state, note: note ?? whole.campaign.note };
    const over = state !== 'acknowledged' && row.toldHosts > 0;
    const next = { ...whole, campaign, active: row.active && state !== 'resolved', updatePending: false };
    this.#save(over ? this.#tell('incident.resolved', next, now, 0) : next, now);
    return next.campaign;
  }

  /** Forgets campaigns of which no incident is kept. */
  dropEmpty(): void {
    this.#store.dropEmpty();
  }

  memberIds(id: string): string[] {
    return this.#store.memberIds(id);
  }

  /** Of these campaigns, those of which no incident goes on are over. */
  endWhereQuiet(ids: ReadonlySet<string>, now: number): void {
    for (const id of ids) {
      const row = this.#store.find(id);
      if (row?.active !== true || this.#store.hasActiveMembers(id)) continue;
      let last = { ...this.#whole(row), updatePending: false, active: false };
      if (last.campaign.state !== 'false_alarm') {
        if (last.lastToldAt === 0) last = this.#tell('threat.detected', last, now, last.campaign.hosts);
        last = { ...last, campaign: { ...last.campaign, state: 'resolved' } };
        if (last.toldHosts > 0) last = this.#tell('incident.resolved', last, now, 0);
      }
      this.#save(last, now);
    }
  }

  tellDue(now: number): void {
    for (const row of this.#store.pending()) {
      if (dueAt(row) > now) continue;
      const type = row.lastToldAt === 0 ? 'threat.detected' : 'incident.updated';
      const told = this.#tell(type, this.#whole(row), now, row.campaign.hosts);
      this.#save({ ...told, updatePending: false }, now);
    }
  }

  nextDue(): number | null {
    const times = this.#store.pending().map(dueAt);
    return times.length === 0 ? null : Math.min(...times);
  }

  #fitting({ incident }: IncidentRow, now: number): CampaignRow | null {
    const fitting = this.#store.joinable(now - this.#reopenMs).filter(({ campaign }) => belongs(incident, campaign));
    return fitting.find(({ campaign }) => campaign.joined_by === 'source') ?? fitting[0] ?? null;
  }

  #open(row: IncidentRow, now: number): CampaignRow | null {
    const { incident } = row;
    const sameSource = this.#store
      .aloneBySource(incident)
      .flatMap((id) => this.#incidents.find(id)?.row ?? [])
      .filter((other) => other.incident.threat_types.some((type) => incident.threat_types.includes(type)));
    const joined_by = sameSource.length > 0 ? 'source' : 'type';
    const others =
      joined_by === 'source'
        ? sameSource
        : this.#store.aloneByType(incident, now).flatMap((id) => this.#incidents.find(id)?.row ?? []);
    const [first, ...more] = others;
    if (first === undefined || (joined_by === 'type' && others.length + 1 < SAME_TYPE_HOSTS)) return null;
    if (this.#store.isFull()) {
      this.#incidents.count('campaigns_refused', 1);
      return null;
    }
    const id = newId(incident.group, now);
    let campaign = openCampaign(first.incident, joined_by, id);
    this.#link(first, id);
    for (const other of more) campaign = grow(campaign, other.incident, this.#link(other, id)).campaign;
    this.#incidents.count('campaigns', 1);
    return { campaign, active: true, openedAt: now, lastToldAt: 0, toldHosts: 0, updatePending: true };
  }

  /** @returns whether the host is new to the campaign */
  #link(row: IncidentRow, id: string): boolean {
    const incident = { ...row.incident, campaign_id: id };
    this.#incidents.save({ ...row, incident, updatePending: false }, true);
    this.#outlet.show({ kind: 'incident', data: incident });
    return this.#store.addMember(incident, id);
  }

  #add(row: CampaignRow, { incident }: IncidentRow, now: number, opened: boolean): Campaign {
    const newHost = this.#store.addMember(incident, row.campaign.id);
    const { campaign, worse } = grow(row.campaign, incident, newHost);
    if (leavesOut(campaign.attacking_ips, incident.attacking_ips)) this.#incidents.count('attackers_unnamed', 1);
    const reopened = row.campaign.state === 'resolved';
    const goesOn: Campaign = reopened ? { ...campaign, state: 'open', reopened: campaign.reopened + 1 } : campaign;
    const news = worse || reopened || passedMilestone(row.toldHosts, campaign.hosts);
    const next: CampaignRow = {
      ...row,
      campaign: goesOn,
      active: true,
      updatePending: campaign.state !== 'false_alarm' && (row.updatePending || news),
    };
    const shown = opened || worse || reopened || passedMilestone(row.campaign.hosts, campaign.hosts);
    this.#save(next, now, shown);
    return goesOn;
  }

  #tell(type: IncidentEventType, row: CampaignRow, now: number, toldHosts: number): CampaignRow {
    this.#outlet.tell(campaignEvent(type, row.campaign, new Date(now)));
    return { ...row, lastToldAt: now, toldHosts };
  }

  #whole(row: CampaignRow): CampaignRow {
    const totals = this.#store.totals(row.campaign.id);
    return row.active && totals !== null ? { ...row, campaign: { ...row.campaign, ...totals } } : row;
  }

  #save(row: CampaignRow, now: number, shown = true): void {
    this.#store.save(row, now);
    if (shown) this.#outlet.show({ kind: 'campaign', data: row.campaign });
  }
}

function dueAt({ lastToldAt, openedAt }: CampaignRow): number {
  return lastToldAt === 0 ? openedAt + CAMPAIGN_SETTLES_MS : lastToldAt + UPDATE_EVERY_MS;
}
