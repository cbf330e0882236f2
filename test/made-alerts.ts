/** Alerts for tests of what becomes of them. */
import type { Alert } from '../functions/detect/incidents/alert.ts';

/** A port scan of web-1, but for `fields`. */
export const alert = (fields: Partial<Alert> = {}): Alert => ({
  windowKey: 'w',
  host: 'web-1',
  detectionType: 'network',
  threatTypes: ['port_scan'],
  level: 'high',
  confidence: 0.9,
  attackingIps: ['192.0.2.66'],
  start: '2026-11-20T10:00:00.000Z',
  end: '2026-11-20T10:00:01.000Z',
  modelVersion: null,
  explanation: { summary: [], rules: [], models: [], abstained: {}, notes: [] },
  ...fields,
});
