/** A campaign: incidents on several hosts that are one attack, told as one. */
import * as z from 'zod';
import { techniques } from './incident.ts';
import { INCIDENT_STATES } from './incident-state.ts';
import { groupName, instant } from './quantity.ts';
import { DETECTION_TYPES, LEVELS, THREAT_TYPES } from './threats.ts';

export const campaign = z.object({
  id: z.string(),
  group: z.string(),
  state: z.enum(INCIDENT_STATES),
  /** `source`: its hosts were attacked from the same address; `type`: many hosts, in the same way within minutes. */
  joined_by: z.enum(['source', 'type']),
  detection_type: z.enum(DETECTION_TYPES),
  primary_type: z.enum(THREAT_TYPES),
  threat_types: z.array(z.enum(THREAT_TYPES)),
  techniques,
  level: z.enum(LEVELS),
  confidence: z.number().min(0).max(1),
  attacking_ips: z.array(z.string()).max(32),
  /** Hosts so far. */
  hosts: z.number().int().positive(),
  /** The first of them. */
  first_hosts: z.array(z.string()).max(32),
  first_seen: instant,
  last_seen: instant,
  /** Alerts (windows) of all hosts so far. */
  alerts: z.number().int().positive(),
  reopened: z.number().int().nonnegative(),
  note: z.string().max(1000).nullable(),
});

export const campaignQuery = z.object({
  group: groupName.optional(),
  limit: z.coerce.number().int().min(1).max(100).default(50),
  cursor: z.string().max(128).optional().describe('The `next` of the page before.'),
});

export const campaignPage = z.object({
  campaigns: z.array(campaign).describe('The newest first.'),
  next: z.string().nullable().describe('The `cursor` of the following page; null on the last.'),
});

export type Campaign = z.output<typeof campaign>;
