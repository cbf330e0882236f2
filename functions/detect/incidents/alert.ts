/** An alert: what a threatening verdict tells the Incidents object. */
import type { Result } from '../../../contract/result.ts';
import { windowKey } from '../../../contract/stored-window.ts';
import type { DetectionType, Level, ThreatType } from '../../../contract/threats.ts';

export interface Alert {
  /** As `windowKey` has it. */
  readonly windowKey: string;
  readonly host: string;
  readonly detectionType: DetectionType;
  readonly threatTypes: ThreatType[];
  readonly level: Level;
  readonly confidence: number;
  readonly attackingIps: string[];
  /** RFC 3339, of the window. */
  readonly start: string;
  readonly end: string;
  readonly modelVersion: string | null;
  readonly explanation: Result['explanation'];
}

/** The alert that a result raises; null where it raises none. */
export function alertOf(result: Result): Alert | null {
  const { window } = result;
  if (!result.threat_detected || window === null) return null;
  return {
    windowKey: windowKey(window),
    host: window.host,
    detectionType: result.detection_type,
    threatTypes: result.threat_types,
    level: result.level,
    confidence: result.confidence,
    attackingIps: result.attacking_ips,
    start: window.start,
    end: new Date(Date.parse(window.start) + window.duration_s * 1000).toISOString(),
    modelVersion: result.model_version,
    explanation: result.explanation,
  };
}
