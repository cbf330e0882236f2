/** Where an endpoint is, with what its format needs; and what an event is there, as bytes on the wire. */
import type { NewEndpoint } from '../../../contract/webhook-endpoint.ts';
import type { WebhookEvent } from '../../../contract/webhook-event.ts';
import { ocsf } from './formats/ocsf.ts';
import { pagerDutyEvent } from './formats/pagerduty.ts';
import { plainText } from './formats/plain.ts';
import { slackMessage } from './formats/slack.ts';
import { newSecret, type Secret } from './secrets.ts';

export type Target =
  | { readonly format: 'ocsf' | 'plain'; readonly url: string; readonly secrets: readonly Secret[] }
  | { readonly format: 'slack'; readonly url: string }
  | { readonly format: 'pagerduty'; readonly url: string; readonly routingKey: string };

export interface Rendered {
  readonly contentType: string;
  readonly body: string;
}

const JSON_TYPE = 'application/json';

export function targetOf(endpoint: NewEndpoint): Target {
  const { format, url } = endpoint;
  if (format === 'slack') return { format, url };
  if (format === 'pagerduty') return { format, url, routingKey: endpoint.routing_key };
  return { format, url, secrets: [{ value: endpoint.secret ?? newSecret(), until: null }] };
}

export function secretsOf(target: Target): readonly Secret[] {
  return 'secrets' in target ? target.secrets : [];
}

/** The same event and target give the same bytes: a retry says what the first attempt said. */
export function render(target: Target, event: WebhookEvent, messageId: string): Rendered {
  switch (target.format) {
    case 'ocsf':
      return { contentType: JSON_TYPE, body: ocsf(event) };
    case 'plain':
      return { contentType: 'text/plain; charset=utf-8', body: plainText(event) };
    case 'slack':
      return { contentType: JSON_TYPE, body: JSON.stringify(slackMessage(event)) };
    case 'pagerduty':
      return { contentType: JSON_TYPE, body: JSON.stringify(pagerDutyEvent(event, target.routingKey, messageId)) };
  }
}
