/** An incident: a run of alerts on one host that belong together. */
import { z } from 'zod';
import { instant } from './quantity.ts';
import { explanation } from './result.ts';
import { DETECTION_TYPES, LEVELS, THREAT_TYPES } from './threats.ts';

export const INCIDENT_STATES = ['open', 'acknowledged', 'resolved', 'false_alarm'] as const;

export const incident = z.object({
  id: z.string(),
  group: z.string(),
  host: z.string(),
  state: z.enum(INCIDENT_STATES),
  detection_type: z.enum(DETECTION_TYPES),
  /** The most specific of `threat_types`: what the incident is called. */
  primary_type: z.enum(THREAT_TYPES),
  threat_types: z.array(z.enum(THREAT_TYPES)),
  level: z.enum(LEVELS),
  confidence: z.number().min(0).max(1),
  attacking_ips: z.array(z.string()).max(32),
  first_seen: instant,
  last_seen: instant,
  /** Alerts (windows) so far. */
  alerts: z.number().int().positive(),
  model_version: z.string().nullable(),
  explanation,
  note: z.string().max(1000).nullable(),
});

export const incidentPatch = z.object({
  state: z.enum(['acknowledged', 'false_alarm', 'resolved']),
  note: z.string().max(1000).optional(),
});

export type Incident = z.output<typeof incident>;
export type IncidentPatch = z.output<typeof incidentPatch>;
