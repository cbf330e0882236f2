/** The body of a webhook: an incident as an OCSF Detection Finding, or what became of a training. */
import type { Campaign } from '../../../contract/campaign.ts';
import type { Incident } from '../../../contract/incident.ts';
import type { Level } from '../../../contract/threats.ts';
import { VERSION } from '../../../contract/version.ts';
import { type DetectionFinding, OCSF_SEVERITY, type WebhookEvent } from '../../../contract/webhook-event.ts';

export type IncidentEventType = 'threat.detected' | 'incident.updated' | 'incident.resolved';

/** OCSF activity_id: 1 create, 2 update, 3 close. https://schema.ocsf.io/classes/detection_finding */
const ACTIVITY = { 'threat.detected': 1, 'incident.updated': 2, 'incident.resolved': 3 } as const;
/** OCSF status_id: 1 new, 2 in progress, 3 suppressed, 4 resolved. */
const STATUS = { open: 1, acknowledged: 2, false_alarm: 3, resolved: 4 } as const;
const CLASS_UID = 2004;
const OCSF_VERSION = '1.3.0';
const ATTACK_VERSION = '16.1';
const MAX_EVIDENCES = 32;

const LEVEL_WORDS: Record<Level, string> = {
  none: 'informational',
  low: 'low',
  medium: 'medium',
  high: 'high',
  critical: 'critical',
};

export function incidentEvent(type: IncidentEventType, incident: Incident, at: Date): WebhookEvent {
  return {
    type,
    timestamp: at.toISOString(),
    incident_id: incident.id,
    ...(incident.campaign_id === null ? {} : { campaign_id: incident.campaign_id }),
    attacking_ips: incident.attacking_ips,
    data: detectionFinding(type, { ...incident, where: incident.host, hosts: [incident.host] }, at),
  };
}

/** Of a campaign as a whole; `incident_id` is its own, so that all that is told of it falls together. */
export function campaignEvent(type: IncidentEventType, campaign: Campaign, at: Date): WebhookEvent {
  const { id, group, hosts, first_hosts, joined_by } = campaign;
  const more = hosts > first_hosts.length ? ` and ${hosts - first_hosts.length} more` : '';
  const why = joined_by === 'source' ? 'the same source' : 'the same kind of attack within minutes';
  const explanation = {
    summary: [
      `${hosts} hosts, joined by ${why}: ${first_hosts.join(', ')}${more}.`,
      `GET /incidents?group=${group}&campaign=${id} lists them.`,
    ],
  };
  return {
    type,
    timestamp: at.toISOString(),
    incident_id: id,
    campaign_id: id,
    attacking_ips: campaign.attacking_ips,
    data: detectionFinding(type, { ...campaign, explanation, where: `${hosts} hosts`, hosts: first_hosts }, at),
  };
}

export function modelEvent(
  type: 'model.promoted' | 'model.rejected',
  facts: { group: string; version: string; reason: string; quality: Record<string, unknown> },
  at: Date,
): WebhookEvent {
  return { type, timestamp: at.toISOString(), data: { ...facts } };
}

/** What a finding tells of an incident as of a campaign. */
type Told = Pick<
  Incident,
  | 'id'
  | 'group'
  | 'state'
  | 'primary_type'
  | 'threat_types'
  | 'techniques'
  | 'level'
  | 'confidence'
  | 'attacking_ips'
  | 'alerts'
  | 'first_seen'
  | 'last_seen'
> & {
  readonly explanation: { readonly summary: readonly string[] };
  readonly where: string;
  readonly hosts: readonly string[];
};

function detectionFinding(type: IncidentEventType, incident: Told, at: Date): DetectionFinding {
  const activity = ACTIVITY[type];
  const title = `${incident.primary_type.replaceAll('_', ' ')} on ${incident.where}`;
  const from = incident.attacking_ips.length > 0 ? ` from ${incident.attacking_ips.slice(0, 3).join(', ')}` : '';
  return {
    class_uid: CLASS_UID,
    class_name: 'Detection Finding',
    category_uid: 2,
    activity_id: activity,
    type_uid: CLASS_UID * 100 + activity,
    time: at.getTime(),
    severity_id: OCSF_SEVERITY[incident.level],
    confidence_score: Math.round(incident.confidence * 100),
    status_id: STATUS[incident.state],
    message: `${title}${from}: ${LEVEL_WORDS[incident.level]}, ${incident.alerts} ${incident.alerts === 1 ? 'alert' : 'alerts'}`,
    count: incident.alerts,
    finding_info: {
      uid: incident.id,
      title,
      desc: incident.explanation.summary.join(' '),
      types: incident.threat_types,
      first_seen_time: Date.parse(incident.first_seen),
      last_seen_time: Date.parse(incident.last_seen),
      attacks: incident.techniques.map((technique) => ({ technique, version: ATTACK_VERSION })),
    },
    evidences: incident.attacking_ips.slice(0, MAX_EVIDENCES).map((ip) => ({ src_endpoint: { ip } })),
    resources: incident.hosts.map((name) => ({ name, type: 'host', group: { name: incident.group } })),
    metadata: { version: OCSF_VERSION, product: { name: 'Vigía', vendor_name: 'Vigía', version: VERSION } },
  };
}
