/** What endpoints choose events by. */
import type { EndpointFilter, WebhookFormat } from '../../../contract/webhook-endpoint.ts';
import {
  type DetectionFinding,
  detectionFinding,
  INCIDENT_EVENTS,
  OCSF_SEVERITY,
  type WebhookEvent,
  type WebhookEventType,
} from '../../../contract/webhook-event.ts';

/** Nobody is woken by a new model. */
const PAGED_EVENTS: readonly WebhookEventType[] = [...INCIDENT_EVENTS, 'webhook.disabled'];

export interface EventFacts {
  readonly type: WebhookEventType;
  /** Empty: it is about no group in particular. */
  readonly groups: readonly string[];
  /** Null on events that are on no incident. */
  readonly finding: DetectionFinding | null;
}

/** @param groups that the event is about */
export function factsOf(event: WebhookEvent, groups: readonly string[]): EventFacts {
  return { type: event.type, groups, finding: findingOf(event) };
}

export function findingOf(event: WebhookEvent): DetectionFinding | null {
  return detectionFinding.safeParse(event.data).data ?? null;
}

export function isAddressed(format: WebhookFormat, filter: EndpointFilter, facts: EventFacts): boolean {
  const events = filter.events.length === 0 && format === 'pagerduty' ? PAGED_EVENTS : filter.events;
  if (!allows(events, [facts.type]) || !allows(filter.groups, facts.groups)) return false;
  const { finding } = facts;
  if (finding === null) return true;
  return (
    finding.severity_id >= OCSF_SEVERITY[filter.min_level] && allows(filter.threat_types, finding.finding_info.types)
  );
}

function allows(wanted: readonly string[], given: readonly string[]): boolean {
  return wanted.length === 0 || given.some((item) => wanted.includes(item));
}
