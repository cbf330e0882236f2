/** Incidents for tests of how they are told. */
import type { Incident } from '../contract/incident.ts';

/** A port scan of web-1, but for `fields`. */
export const incident = (fields: Partial<Incident> = {}): Incident => ({
  id: 'mhk3x0w1a5b6c7d8.web',
  group: 'web',
  host: 'web-1',
  state: 'open',
  detection_type: 'network',
  primary_type: 'port_scan',
  threat_types: ['port_scan'],
  level: 'high',
  confidence: 0.9,
  attacking_ips: ['192.0.2.9'],
  first_seen: '2026-11-20T10:00:00.000Z',
  last_seen: '2026-11-20T10:00:05.000Z',
  alerts: 5,
  model_version: null,
  explanation: { summary: ['150 ports in one second.'], rules: [], models: [], abstained: {}, notes: [] },
  note: null,
  techniques: [{ uid: 'T1046', name: 'Network Service Discovery' }],
  campaign_id: null,
  reopened: 0,
  muted: null,
  ...fields,
});
