/** An event in words, for the formats that people read. */
import type { DetectionFinding, WebhookEvent, WebhookEventType } from '../../../../contract/webhook-event.ts';
import { findingOf } from '../event-facts.ts';

const MAX_ATTACKERS = 10;

export interface Notice {
  readonly title: string;
  /** The reasons; empty where there are none. */
  readonly text: string;
  /** Label and value, at most ten. */
  readonly facts: readonly (readonly [string, string])[];
  /** Its page in the dashboard; null where the event names none. */
  readonly link: string | null;
}

const TITLES: Record<WebhookEventType, string> = {
  'threat.detected': 'Threat',
  'incident.updated': 'Update',
  'incident.resolved': 'Over',
  'model.promoted': 'New models are live',
  'model.rejected': 'New models were held back',
  'webhook.disabled': 'A webhook endpoint was disabled',
  'webhook.test': 'Test of a webhook endpoint',
};

export function noticeOf(event: WebhookEvent): Notice {
  const title = TITLES[event.type];
  const finding = findingOf(event);
  if (finding !== null) {
    const { desc, src_url = null } = finding.finding_info;
    return { title: `${title}: ${finding.message}`, text: desc, facts: factsOf(finding), link: src_url };
  }
  const { url, ...data }: Record<string, unknown> = event.data;
  const scalars = Object.entries(data).filter(([, value]) => typeof value !== 'object');
  return {
    title,
    text: '',
    facts: scalars.slice(0, 10).map(([label, value]) => [label, String(value)]),
    link: typeof url === 'string' ? url : null,
  };
}

function factsOf({ resources, evidences, finding_info }: DetectionFinding): [string, string][] {
  const [resource] = resources;
  const attackers = evidences.map(({ src_endpoint }) => src_endpoint.ip);
  const more = attackers.length > MAX_ATTACKERS ? `, and ${attackers.length - MAX_ATTACKERS} more` : '';
  const techniques = finding_info.attacks.map(({ technique }) => `${technique.uid} ${technique.name}`);
  const facts: [string, string][] = [
    ['Host', resource?.name ?? ''],
    ['Group', resource?.group.name ?? ''],
    ['Types', finding_info.types.join(', ')],
    ['Attackers', attackers.slice(0, MAX_ATTACKERS).join(', ') + more],
    ['ATT&CK', techniques.join(', ')],
    ['First seen', new Date(finding_info.first_seen_time).toISOString()],
    ['Last seen', new Date(finding_info.last_seen_time).toISOString()],
    ['Incident', finding_info.uid],
  ];
  return facts.filter(([, value]) => value !== '');
}
