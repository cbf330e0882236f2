/** An event of PagerDuty's Events API v2. https://developer.pagerduty.com/docs/events-api-v2-overview */
import type { WebhookEvent } from '../../../../contract/webhook-event.ts';
import { findingOf } from '../event-facts.ts';
import { noticeOf } from './notice.ts';

/** Characters of a summary. */
const SUMMARY = 1024;
/** By OCSF severity_id; 3 is medium. */
const SEVERITY: Record<number, 'warning' | 'error' | 'critical'> = {
  3: 'warning',
  4: 'error',
  5: 'critical',
  6: 'critical',
};
/** OCSF status_id: suppressed (a false alarm) and resolved. */
const OVER: readonly number[] = [3, 4];

export type PagerDutyEvent =
  | { readonly routing_key: string; readonly event_action: 'resolve'; readonly dedup_key: string }
  | {
      readonly routing_key: string;
      readonly event_action: 'trigger';
      readonly dedup_key: string;
      readonly client: string;
      readonly client_url?: string;
      readonly links?: readonly { readonly href: string; readonly text: string }[];
      readonly payload: {
        readonly summary: string;
        readonly source: string;
        readonly severity: 'info' | 'warning' | 'error' | 'critical';
        readonly timestamp: string;
        readonly component?: string;
        readonly group?: string;
        readonly class: string;
        readonly custom_details: object;
      };
    };

/** One alert for each incident, by its id: an update joins it, the end resolves it. */
export function pagerDutyEvent(event: WebhookEvent, routingKey: string, messageId: string): PagerDutyEvent {
  const finding = findingOf(event);
  const dedup_key = event.incident_id ?? messageId;
  if (finding !== null && OVER.includes(finding.status_id))
    return { routing_key: routingKey, event_action: 'resolve', dedup_key };
  const { title, link } = noticeOf(event);
  const resource = finding?.resources[0];
  return {
    routing_key: routingKey,
    event_action: 'trigger',
    dedup_key,
    client: 'Vigía',
    ...(link !== null && { client_url: link, links: [{ href: link, text: 'Open in Vigía' }] }),
    payload: {
      summary: (finding?.message ?? title).slice(0, SUMMARY),
      source: resource?.name ?? 'vigia',
      severity: SEVERITY[finding?.severity_id ?? 0] ?? (event.type === 'webhook.disabled' ? 'error' : 'info'),
      timestamp: event.timestamp,
      ...(resource && { component: resource.name, group: resource.group.name }),
      class: finding?.finding_info.types[0] ?? event.type,
      custom_details: event.data,
    },
  };
}
