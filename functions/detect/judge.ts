/** Stand-in until the models' judge lands. */

import type { AuthWindow } from '../../contract/auth-window.ts';
import type { FlatObject } from '../../contract/detect-request.ts';
import type { NetworkWindow } from '../../contract/network-window.ts';
import type { Result } from '../../contract/result.ts';
import type { Thresholds } from '../../contract/thresholds.ts';
import type { Fleet } from './models/model-cache.ts';

interface Common {
  fleet: Fleet | null;
  thresholds: Thresholds;
  alertBudget: number;
}

export async function judgeFlat(flat: FlatObject, { thresholds, fleet }: Common): Promise<Result> {
  return judge(flat, null, thresholds, fleet);
}

export async function judgeBatch(
  request: { windows: (NetworkWindow | AuthWindow)[]; context: NetworkWindow[] } & Common,
): Promise<Result[]> {
  return request.windows.map((window) => judge(window, window, request.thresholds, request.fleet));
}

function judge(w: FlatObject, window: NetworkWindow | AuthWindow | null, t: Thresholds, fleet: Fleet | null): Result {
  const scan =
    (w.unique_ports ?? 0) > t.PORT_SCAN_UNIQUE_PORTS && (w.packets_per_second ?? 0) > t.PORT_SCAN_PACKETS_PER_SECOND;
  return {
    threat_detected: scan,
    confidence: scan ? 0.9 : 0,
    threat_types: scan ? ['port_scan'] : [],
    detection_type: 'network',
    attacking_ips: scan ? (w.sources ?? []).slice(0, 1).map((s) => s.ip) : [],
    model_scores: {},
    scores: { rules: scan ? 0.9 : 0, consensus: 0 },
    level: scan ? 'critical' : 'none',
    explanation: { summary: scan ? ['A port scan.'] : [], rules: [], models: [], abstained: {}, notes: [] },
    model_version: fleet?.manifest.version ?? null,
    window:
      window === null
        ? null
        : { id: window.id, host: window.host, group: window.group, start: window.start, duration_s: window.duration_s },
  };
}
