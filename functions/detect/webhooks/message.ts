/** What is to be told to endpoints. */
import type { WebhookEvent } from '../../../contract/webhook-event.ts';

export interface Message {
  readonly id: string;
  /** Empty: of no group in particular. */
  readonly group: string;
  readonly event: WebhookEvent;
}
