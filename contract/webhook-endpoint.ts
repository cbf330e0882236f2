/** An endpoint of webhooks: where it is, how it likes to be told, and of what. */
import * as z from 'zod';
import { groupName } from './quantity.ts';
import { LEVELS, THREAT_TYPES } from './threats.ts';
import { WEBHOOK_EVENTS } from './webhook-event.ts';

export const WEBHOOK_FORMATS = ['ocsf', 'plain', 'slack', 'pagerduty'] as const;
export type WebhookFormat = (typeof WEBHOOK_FORMATS)[number];

/** The endpoint that WEBHOOK_URL and WEBHOOK_SECRET make. */
export const DEFAULT_ENDPOINT = 'default';
/** Of accounts in the United States; those in Europe have events.eu.pagerduty.com. */
export const PAGERDUTY_URL = 'https://events.pagerduty.com/v2/enqueue';

/** Standard Webhooks 1.0: 24 to 64 random bytes in base64. */
const MIN_SECRET_BYTES = 24;
const MAX_SECRET_BYTES = 64;

export const endpointId = z
  .string()
  .max(64)
  .regex(/^[a-z0-9][a-z0-9-]*$/, 'must be lower case letters, digits and -, at most 64')
  .refine((id) => id !== DEFAULT_ENDPOINT, 'is the endpoint of WEBHOOK_URL; take another name');

/** What an endpoint is told of. Empty lists are no restriction; level and threat types restrict events on incidents only. */
export const endpointFilter = z.strictObject({
  min_level: z.enum(LEVELS).default('none'),
  events: z.array(z.enum(WEBHOOK_EVENTS)).max(WEBHOOK_EVENTS.length).default([]),
  threat_types: z.array(z.enum(THREAT_TYPES)).max(THREAT_TYPES.length).default([]),
  groups: z.array(groupName).max(100).default([]),
});

export const webhookSecret = z
  .string()
  .regex(/^whsec_[A-Za-z0-9+/]+={0,2}$/, 'must be whsec_ and base64')
  .refine((secret) => {
    const bytes = Math.floor((secret.slice('whsec_'.length).replace(/=+$/, '').length * 3) / 4);
    return bytes >= MIN_SECRET_BYTES && bytes <= MAX_SECRET_BYTES;
  }, `must hold ${MIN_SECRET_BYTES} to ${MAX_SECRET_BYTES} bytes`);

const url = z.string().max(2048);
const NO_KEY = 'must be the 32 letters and digits of an Events API v2 integration';
const routingKey = z.string(NO_KEY).regex(/^[A-Za-z0-9]{32}$/, NO_KEY);
const common = { id: endpointId, filter: endpointFilter.prefault({}) };

export const newEndpoint = z.discriminatedUnion('format', [
  z.strictObject({ ...common, format: z.literal('ocsf'), url, secret: webhookSecret.optional() }),
  z.strictObject({ ...common, format: z.literal('plain'), url, secret: webhookSecret.optional() }),
  z.strictObject({ ...common, format: z.literal('slack'), url }),
  z.strictObject({
    ...common,
    format: z.literal('pagerduty'),
    url: url.default(PAGERDUTY_URL),
    routing_key: routingKey,
  }),
]);

export const endpointPatch = z
  .strictObject({
    url: url.optional(),
    filter: endpointFilter.optional(),
    /** True also brings one back that was disabled for failing. */
    enabled: z.boolean().optional(),
  })
  .refine((patch) => Object.values(patch).some((value) => value !== undefined), 'must change url, filter or enabled');

/** As it is shown: without what would let others write in its name. */
export const endpointView = z.object({
  id: z.string(),
  /** Scheme and host; the rest of a URL is often the secret. */
  target: z.string(),
  format: z.enum(WEBHOOK_FORMATS),
  filter: endpointFilter,
  enabled: z.boolean(),
  /** Null: enabled, or disabled by its owner. */
  disabled_reason: z.string().nullable(),
  /** When the first attempt failed since the last one that did not. */
  failing_since: z.string().nullable(),
  last_delivered_at: z.string().nullable(),
  last_error: z.string().nullable(),
  /** Secrets that sign; two for a day after a rotation, none where the format knows no signature. */
  secrets: z.number().int(),
  waiting: z.number().int(),
  dead: z.number().int(),
});

export const deadLetter = z.object({
  message: z.string(),
  event: z.string(),
  group: z.string(),
  incident_id: z.string().nullable(),
  created_at: z.string(),
  dead_at: z.string(),
  attempts: z.number().int(),
  last_error: z.string().nullable(),
});

export const deadLetterQuery = z.object({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z
    .string()
    .regex(/^[1-9]\d{0,14}$/, 'must be the "next" of the page before')
    .optional()
    .describe('The `next` of the page before.'),
});

export const deadLetterPage = z.object({
  dead: z.array(deadLetter).describe('The newest first.'),
  next: z.string().nullable().describe('The `cursor` of the following page; null on the last.'),
});

export type EndpointFilter = z.output<typeof endpointFilter>;
export type NewEndpoint = z.output<typeof newEndpoint>;
export type EndpointPatch = z.output<typeof endpointPatch>;
export type EndpointView = z.output<typeof endpointView>;
export type DeadLetter = z.output<typeof deadLetter>;
export type DeadLetterPage = z.output<typeof deadLetterPage>;
