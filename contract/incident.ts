/** An incident: a run of alerts on one host that belong together. */
import * as z from 'zod';
import { INCIDENT_STATES } from './incident-state.ts';
import { groupName, instant } from './quantity.ts';
import { explanation } from './result.ts';
import { DETECTION_TYPES, LEVELS, THREAT_TYPES } from './threats.ts';

export const techniques = z.array(z.object({ uid: z.string(), name: z.string() }));

export const incident = z.object({
  id: z.string(),
  group: z.string(),
  host: z.string(),
  state: z.enum(INCIDENT_STATES),
  detection_type: z.enum(DETECTION_TYPES),
  primary_type: z.enum(THREAT_TYPES).describe('The most specific of threat_types: what the incident is called.'),
  threat_types: z.array(z.enum(THREAT_TYPES)),
  level: z.enum(LEVELS),
  confidence: z.number().min(0).max(1),
  attacking_ips: z.array(z.string()).max(32),
  first_seen: instant,
  last_seen: instant,
  alerts: z.number().int().positive().describe('Alerts (windows) so far.'),
  model_version: z.string().nullable(),
  explanation,
  note: z.string().max(1000).nullable(),
  techniques,
  /** Null: it stands alone. */
  campaign_id: z.string().nullable(),
  /** How often it went on after it was taken for over. */
  reopened: z.number().int().nonnegative(),
  /** Alerts that were recorded and not told, and why the latest was not; null where all were told. */
  muted: z.object({ alerts: z.number().int().positive(), because: z.string() }).nullable(),
});

/** What the filter of a list may say besides state and host. */
export const incidentFilter = {
  /** This level or a higher one. */
  level: z.enum(LEVELS).optional(),
  type: z.enum(THREAT_TYPES).optional(),
  /** With an alert at this time or later, by the clock of the edge. */
  since: instant.optional(),
  campaign: z.string().max(128).optional(),
};

export const incidentPatch = z.object({
  state: z.enum(['acknowledged', 'false_alarm', 'resolved']),
  note: z.string().max(1000).optional(),
});

export const incidentQuery = z.object({
  group: groupName.optional(),
  state: z.enum(INCIDENT_STATES).optional(),
  host: z.string().max(128).optional(),
  ...incidentFilter,
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z
    .string()
    .max(128)
    .regex(/^[0-9a-z]{9}[0-9a-f]{8}\.[a-z0-9][a-z0-9._-]*$/, 'must be the "next" of the page before')
    .optional()
    .describe('The `next` of the page before.'),
});

export const incidentPage = z.object({
  incidents: z.array(incident).describe('The newest first.'),
  next: z.string().nullable().describe('The `cursor` of the following page; null on the last.'),
});

export const commentBody = z.object({
  text: z.string().trim().min(1).max(2000),
  /** As who writes calls himself: a token names nobody. */
  author: z.string().trim().min(1).max(64).optional(),
});

export const comment = z.object({ at: instant, author: z.string().nullable(), text: z.string() });

export type IncidentComment = z.output<typeof comment>;
export type Incident = z.output<typeof incident>;
export type IncidentPage = z.output<typeof incidentPage>;
export type IncidentPatch = z.output<typeof incidentPatch>;
