/** More of the same, such as a sale day's customers: told by its usual mix, noted, and judged as if it were the usual volume. */
import { NETWORK_FEATURES, type NetworkFeature } from '../../contract/features.ts';
import type { NetworkWindow } from '../../contract/network-window.ts';
import type { Thresholds } from '../../contract/thresholds.ts';
import { rowOf, rowsOf } from '../features.ts';
import { beyondLearned, type LearnedNormal } from './learned-normal.ts';
import type { Observation } from './rule.ts';
import { brokenMix } from './traffic-mix.ts';

/** Larger crowds than this are judged as they are. */
const LARGEST_FACTOR = 30;

/** What grows with the number of customers. */
const VOLUME_FEATURES: ReadonlySet<NetworkFeature> = new Set([
  'packets_per_second',
  'bytes_per_second',
  'unique_ips',
  'tcp_packets',
  'udp_packets',
  'syn_packets',
]);

/**
 * How many times the usual volume it is: packets and bytes both beyond what was learned, in the usual mix. Null where it is no
 * surge, or no baseline says so.
 */
export function surgeFactor(
  observed: Observation,
  learned: LearnedNormal | null,
  thresholds: Thresholds,
): number | null {
  const { packets_per_second, bytes_per_second } = observed;
  if (!learned || typeof packets_per_second !== 'number' || typeof bytes_per_second !== 'number') return null;
  const [packets, bytes] = [learned.extreme('packets_per_second'), learned.extreme('bytes_per_second')];
  const usual = learned.median('packets_per_second');
  if (packets === null || bytes === null || !usual) return null;
  const isMore =
    beyondLearned(packets_per_second, packets, 1) &&
    beyondLearned(bytes_per_second, bytes, 1 / thresholds.VOLUME_MARGIN);
  if (!isMore || brokenMix(observed, learned, thresholds.DDOS_SYN_SHARE) !== null) return null;
  // Between the usual second and the busiest ones: where a busy second belongs that is nothing but busy.
  const factor = packets_per_second / Math.sqrt(usual * packets);
  return factor > LARGEST_FACTOR ? null : factor;
}

/** The row of features at the usual volume: what the models judge, so that only what is strange beside the volume is found. */
export function atUsualVolume(row: Float32Array, factor: number, learned: LearnedNormal): void {
  for (const [i, feature] of NETWORK_FEATURES.entries()) {
    const value = row[i] as number;
    if (!VOLUME_FEATURES.has(feature) || Number.isNaN(value)) continue;
    // What does not grow with customers, such as a name server's answers, stays as it is.
    row[i] = Math.max(value / factor, Math.min(value, learned.median(feature) ?? 0));
  }
}

/** The features of windows, n x 11, those of a surge at the usual volume. */
export function rowsAtUsualVolume(
  windows: readonly NetworkWindow[],
  learned: LearnedNormal,
  thresholds: Thresholds,
): Float32Array {
  const rows = rowsOf(windows);
  for (const [i, window] of windows.entries()) {
    const factor = surgeFactor(window, learned, thresholds);
    if (factor !== null) atUsualVolume(rowOf(rows, i), factor, learned);
  }
  return rows;
}
