/** When incidents of several hosts are one campaign, and when its growth is worth a word: pure rules, without storage. */
import type { Campaign } from '../../../contract/campaign.ts';
import type { Incident } from '../../../contract/incident.ts';
import { LEVELS, techniquesOf } from '../../../contract/threats.ts';
import { earlier, MAX_ATTACKERS, mostSpecific, union } from './joining.ts';

/** So many hosts attacked in the same way within SAME_TYPE_WITHIN_MS are one campaign, whatever the sources. */
export const SAME_TYPE_HOSTS = 10;
export const SAME_TYPE_WITHIN_MS = 5 * 60_000;
/** The first word of a campaign waits so long, to name most of its hosts; its first host was told of at once. */
export const CAMPAIGN_SETTLES_MS = 10_000;
const MAX_FIRST_HOSTS = 32;
/** Numbers of hosts that are worth a word. */
const HOSTS_TOLD = [5, 10, 50, 100, 500, 1000, 5000, 10_000] as const;

/** Whether an incident outside every campaign is part of this one. */
export function belongs(incident: Incident, campaign: Campaign): boolean {
  if (incident.detection_type !== campaign.detection_type) return false;
  if (!incident.threat_types.some((type) => campaign.threat_types.includes(type))) return false;
  return campaign.joined_by === 'type' || incident.attacking_ips.some((ip) => campaign.attacking_ips.includes(ip));
}

/** The campaign that its first incident opens; the others are added by `grow`. */
export function openCampaign(incident: Incident, joined_by: Campaign['joined_by'], id: string): Campaign {
  const { group, detection_type, primary_type, threat_types, techniques, level, confidence } = incident;
  const { attacking_ips, host, first_seen, last_seen, alerts } = incident;
  return {
    id,
    group,
    state: 'open',
    joined_by,
    detection_type,
    primary_type,
    threat_types,
    techniques,
    level,
    confidence,
    attacking_ips,
    hosts: 1,
    first_hosts: [host],
    first_seen,
    last_seen,
    alerts,
    reopened: 0,
    note: null,
  };
}

/** The campaign with what is new of one of its incidents; `worse` where a person should hear of it. */
export function grow(campaign: Campaign, incident: Incident, newHost: boolean): { campaign: Campaign; worse: boolean } {
  const threat_types = union(campaign.threat_types, incident.threat_types);
  const attacking_ips = union(campaign.attacking_ips, incident.attacking_ips).slice(0, MAX_ATTACKERS);
  const primary_type = mostSpecific(threat_types);
  const higher = LEVELS.indexOf(incident.level) > LEVELS.indexOf(campaign.level);
  const moreAttackers = campaign.joined_by === 'source' && attacking_ips.length > campaign.attacking_ips.length;
  return {
    worse: higher || primary_type !== campaign.primary_type || moreAttackers,
    campaign: {
      ...campaign,
      primary_type,
      threat_types,
      techniques: techniquesOf(threat_types),
      level: higher ? incident.level : campaign.level,
      confidence: Math.max(campaign.confidence, incident.confidence),
      attacking_ips,
      hosts: campaign.hosts + (newHost ? 1 : 0),
      first_hosts: newHost
        ? union(campaign.first_hosts, [incident.host]).slice(0, MAX_FIRST_HOSTS)
        : campaign.first_hosts,
      first_seen: earlier(campaign.first_seen, incident.first_seen),
    },
  };
}

/** Whether a campaign that was told with `told` hosts has passed a number worth a word. */
export function passedMilestone(told: number, hosts: number): boolean {
  return HOSTS_TOLD.some((milestone) => told < milestone && hosts >= milestone);
}
