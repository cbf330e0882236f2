/** How each feature is scaled: on a logarithm or as it is, and how small a difference in it means nothing. */
import type { NetworkFeature } from '../../contract/features.ts';

export interface FeatureUnit {
  /** Heavy-tailed features are scaled as log(1 + x). */
  readonly log1p: boolean;
  /** A step that says nothing by itself, in the feature's own unit; the scale is never finer. */
  readonly step: number;
}

export const FEATURE_UNITS: Record<NetworkFeature, FeatureUnit> = {
  packets_per_second: { log1p: true, step: 1 },
  bytes_per_second: { log1p: true, step: 100 },
  unique_ips: { log1p: true, step: 1 },
  unique_ports: { log1p: true, step: 1 },
  tcp_packets: { log1p: true, step: 1 },
  udp_packets: { log1p: true, step: 1 },
  syn_packets: { log1p: true, step: 1 },
  avg_latency_ms: { log1p: true, step: 0.5 },
  max_latency_ms: { log1p: true, step: 1 },
  jitter_ms: { log1p: true, step: 0.5 },
  packet_loss_rate: { log1p: false, step: 0.005 },
};

/** Nor is it ever finer than this on the logarithm: about 5 % of the value. */
export const LOG_STEP = 0.05;
