/** Which verdicts lead to a block, and for how long. */
import { detectionFinding, OCSF_SEVERITY, type WebhookEvent } from '../../contract/webhook-event.ts';
import type { Verdict } from '../delivery/poster.ts';
import { type AddressRange, AddressRangeError, addressRange } from './address-range.ts';

/** Attacks that come in from the addresses named. Exfiltration goes out, and a degraded path has no attacker. */
export const BLOCKED_THREATS: ReadonlySet<string> = new Set([
  'port_scan',
  'syn_flood',
  'ddos',
  'brute_force_attack',
  'credential_stuffing',
]);
const BLOCKED_LEVELS: ReadonlySet<string> = new Set(['high', 'critical']);

const STALE_AFTER_MS = 10 * 60_000;
/** Each time anew within a day it is twice as long. */
const REPEATS_WITHIN_MS = 24 * 3600_000;
const LONGEST_S = 24 * 3600;
const MAX_REMEMBERED = 4096;

export interface Accusation {
  readonly ranges: AddressRange[];
  readonly reason: string;
}

function accuse(ips: readonly string[], threats: readonly string[]): Accusation | null {
  const reasons = threats.filter((threat) => BLOCKED_THREATS.has(threat));
  const ranges = ips.flatMap((ip) => {
    try {
      return [addressRange(ip)];
    } catch (error) {
      // An auth window may name a host by its name.
      if (error instanceof AddressRangeError) return [];
      throw error;
    }
  });
  return reasons.length === 0 || ranges.length === 0 ? null : { ranges, reason: reasons.join(' ') };
}

/** Whom a verdict accuses; null where it is no attack from outside of level high or above, or one that is long over. */
export function accusedBy(verdict: Verdict, now_ms: number): Accusation | null {
  const { threat_detected, level, attacking_ips, threat_types, window } = verdict;
  if (!threat_detected || !BLOCKED_LEVELS.has(level)) return null;
  // After an outage the edge judges windows of yesterday.
  if (window && now_ms - Date.parse(window.start) > STALE_AFTER_MS) return null;
  return accuse(attacking_ips, threat_types);
}

/** The same of a webhook, such as the edge sends them for other hosts too. */
export function accusedByWebhook({ type, attacking_ips = [], data }: WebhookEvent): Accusation | null {
  if (type !== 'threat.detected' && type !== 'incident.updated') return null;
  const finding = detectionFinding.safeParse(data);
  if (!finding.success || finding.data.severity_id < OCSF_SEVERITY.high) return null;
  return accuse(attacking_ips, finding.data.finding_info.types);
}

/** How long the next block of a range is. */
export class Terms {
  first_s: number;
  readonly #last = new Map<string, { ends_ms: number; for_s: number }>();

  constructor(first_s: number) {
    this.first_s = first_s;
  }

  /** Twice as long as the last time where that ended within a day; the same while it lasts. */
  next({ text }: AddressRange, now_ms: number): number {
    const last = this.#last.get(text);
    const repeats = last !== undefined && now_ms - last.ends_ms < REPEATS_WITHIN_MS;
    const lasts = last !== undefined && now_ms < last.ends_ms;
    const for_s = repeats ? Math.min(lasts ? last.for_s : 2 * last.for_s, LONGEST_S) : this.first_s;
    this.#last.delete(text);
    this.#last.set(text, { ends_ms: now_ms + for_s * 1000, for_s });
    for (const oldest of this.#last.keys()) {
      if (this.#last.size <= MAX_REMEMBERED) break;
      this.#last.delete(oldest);
    }
    return for_s;
  }
}
