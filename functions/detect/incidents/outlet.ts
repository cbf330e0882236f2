/** Where news of incidents goes. */

import type { Campaign } from '../../../contract/campaign.ts';
import type { Incident } from '../../../contract/incident.ts';
import type { WebhookEvent } from '../../../contract/webhook-event.ts';

export type News = { kind: 'incident'; data: Incident } | { kind: 'campaign'; data: Campaign };

export interface Outlet {
  /** To whoever is paged. */
  tell(event: WebhookEvent): void;
  /** To whoever watches the live stream. */
  show(news: News): void;
}
