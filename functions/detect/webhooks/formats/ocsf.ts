/** The event as the contract has it: an envelope around an OCSF Detection Finding. */
import type { WebhookEvent } from '../../../../contract/webhook-event.ts';

export function ocsf(event: WebhookEvent): string {
  return JSON.stringify(event);
}
