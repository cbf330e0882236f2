/** The webhook body: a Standard Webhooks envelope around an OCSF Detection Finding. */
import * as z from 'zod';
import { instant } from './quantity.ts';

export const INCIDENT_EVENTS = ['threat.detected', 'incident.updated', 'incident.resolved'] as const;
/** `webhook.disabled` tells the other endpoints of one that was given up; `webhook.test` comes only where it is asked for. */
export const WEBHOOK_EVENTS = [
  ...INCIDENT_EVENTS,
  'model.promoted',
  'model.rejected',
  'webhook.disabled',
  'webhook.test',
] as const;
export type WebhookEventType = (typeof WEBHOOK_EVENTS)[number];

/** OCSF 1.x severity_id values. https://schema.ocsf.io/classes/detection_finding */
export const OCSF_SEVERITY = { none: 1, low: 2, medium: 3, high: 4, critical: 5 } as const;

/** The part of OCSF's Detection Finding (class_uid 2004) that Vigía fills. */
export const detectionFinding = z.object({
  class_uid: z.literal(2004),
  class_name: z.literal('Detection Finding'),
  category_uid: z.literal(2),
  activity_id: z.union([z.literal(1), z.literal(2), z.literal(3)]),
  type_uid: z.number().int(),
  /** Milliseconds since the epoch. */
  time: z.number().int(),
  severity_id: z.number().int().min(0).max(6),
  confidence_score: z.number().int().min(0).max(100),
  status_id: z.number().int(),
  message: z.string(),
  count: z.number().int(),
  finding_info: z.object({
    uid: z.string(),
    title: z.string(),
    desc: z.string(),
    types: z.array(z.string()),
    /** The incident or campaign in the dashboard, where the edge knows its own address (DASHBOARD_URL). */
    src_url: z.string().optional(),
    first_seen_time: z.number().int(),
    last_seen_time: z.number().int(),
    attacks: z.array(z.object({ technique: z.object({ uid: z.string(), name: z.string() }), version: z.string() })),
  }),
  evidences: z.array(z.object({ src_endpoint: z.object({ ip: z.string() }) })),
  resources: z.array(z.object({ name: z.string(), type: z.string(), group: z.object({ name: z.string() }) })),
  metadata: z.object({
    version: z.string(),
    product: z.object({ name: z.string(), vendor_name: z.string(), version: z.string() }),
  }),
});

export const webhookEvent = z.object({
  type: z.enum(WEBHOOK_EVENTS),
  timestamp: instant,
  /** The same in all that is told of one incident or one campaign; absent on model events. */
  incident_id: z.string().optional(),
  /** The campaign that the incident is part of; the same as `incident_id` where the campaign itself is meant. */
  campaign_id: z.string().optional(),
  attacking_ips: z.array(z.string()).optional(),
  data: z.union([detectionFinding, z.record(z.string(), z.unknown())]),
});

export type DetectionFinding = z.output<typeof detectionFinding>;
export type WebhookEvent = z.output<typeof webhookEvent>;
