/** Latency, jitter and loss of a window from what was counted: the end of "Network quality" in docs/window.md. */
import type { NetworkWindow } from '../../contract/network-window.ts';

/** A rate of fewer segments would say more about chance than about the path. */
const FEWEST_SEGMENTS = 500;

/** What is counted in a window. */
export interface QualityCounts {
  rtt_samples: number;
  rtt_sum_us: number;
  rtt_max_us: number;
  /** Pairs of consecutive samples of one connection. */
  rtt_changes: number;
  rtt_change_sum_us: number;
  segments_sent: number;
  segments_resent: number;
  /** Of those, how many were followed to their acknowledgement, */
  resent_followed: number;
  /** and found to have arrived the first time. */
  resent_needless: number;
}

export type Quality = Pick<NetworkWindow, 'avg_latency_ms' | 'max_latency_ms' | 'jitter_ms' | 'packet_loss_rate'>;

export const noQuality = (): QualityCounts => ({
  rtt_samples: 0,
  rtt_sum_us: 0,
  rtt_max_us: 0,
  rtt_changes: 0,
  rtt_change_sum_us: 0,
  segments_sent: 0,
  segments_resent: 0,
  resent_followed: 0,
  resent_needless: 0,
});

/** Null where there was nothing to measure. */
export function qualityOf(counts: QualityCounts): Quality {
  const mean_ms = (sum_us: number, count: number): number | null => (count === 0 ? null : sum_us / count / 1000);
  const needless = counts.resent_needless / Math.max(counts.resent_followed, 1);
  const lost = counts.segments_resent * (1 - needless);
  return {
    avg_latency_ms: mean_ms(counts.rtt_sum_us, counts.rtt_samples),
    max_latency_ms: mean_ms(counts.rtt_max_us, Math.min(counts.rtt_samples, 1)),
    jitter_ms: mean_ms(counts.rtt_change_sum_us, counts.rtt_changes),
    packet_loss_rate: counts.segments_sent < FEWEST_SEGMENTS ? null : Math.min(lost / counts.segments_sent, 1),
  };
}
