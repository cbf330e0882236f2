/** Where an event is shown in the dashboard, written into it as it is told: every retry then says the same. */
import type { WebhookEvent } from '../../../contract/webhook-event.ts';
import { findingOf } from '../webhooks/event-facts.ts';

/** @param dashboardUrl ends in a slash; null: the event stays as it is */
export function withLink(event: WebhookEvent, group: string, dashboardUrl: string | null): WebhookEvent {
  if (dashboardUrl === null) return event;
  const finding = findingOf(event);
  if (finding === null) {
    const url = `${dashboardUrl}#/models?group=${encodeURIComponent(group)}`;
    return { ...event, data: { ...event.data, url } };
  }
  const { finding_info } = finding;
  const page = event.campaign_id === finding_info.uid ? 'campaigns' : 'incidents';
  const src_url = `${dashboardUrl}#/${page}/${encodeURIComponent(finding_info.uid)}`;
  return { ...event, data: { ...finding, finding_info: { ...finding_info, src_url } } };
}
