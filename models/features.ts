/** Turns a window into the row of features that the network models read. */
import { NETWORK_FEATURES, type NetworkFeature } from '../contract/features.ts';
import type { NetworkWindow } from '../contract/network-window.ts';

/** Features of a row. */
export const FEATURE_COUNT = NETWORK_FEATURES.length;

/** Larger than any wire carries; keeps every later float32 finite. */
export const LARGEST_VALUE = 1e15;

/** The measurements that features are made from; a flat object has no duration. */
export type NetworkMeasurements = Partial<Pick<NetworkWindow, NetworkFeature>> & { readonly duration_s?: number };

/** Counts of a window, as opposed to its rates and distinct numbers: these grow with its length. */
const COUNTS: ReadonlySet<NetworkFeature> = new Set(['tcp_packets', 'udp_packets', 'syn_packets']);

/**
 * The features of one window or flat object in the order of `NETWORK_FEATURES`; NaN where one was not measured.
 * Counts of a window are divided by its `duration_s`, so that they are per second and windows of any length compare.
 */
export function networkFeatures(measurements: NetworkMeasurements): Float32Array {
  const row = new Float32Array(FEATURE_COUNT);
  writeNetworkFeatures(measurements, row, 0);
  return row;
}

/** As `networkFeatures`, into `rows` from `offset` on. */
export function writeNetworkFeatures(measurements: NetworkMeasurements, rows: Float32Array, offset: number): void {
  const duration_s = measurements.duration_s ?? 1;
  for (let i = 0; i < FEATURE_COUNT; i++) {
    const feature = NETWORK_FEATURES[i] as NetworkFeature;
    const value = measurements[feature];
    if (value === null || value === undefined) rows[offset + i] = Number.NaN;
    else rows[offset + i] = Math.min(COUNTS.has(feature) ? value / duration_s : value, LARGEST_VALUE);
  }
}

/** The features of windows, n x 11, row-major. */
export function rowsOf(windows: readonly NetworkMeasurements[]): Float32Array {
  const rows = new Float32Array(windows.length * FEATURE_COUNT);
  for (const [i, window] of windows.entries()) writeNetworkFeatures(window, rows, i * FEATURE_COUNT);
  return rows;
}

/** One of the rows, not copied. */
export function rowOf(rows: Float32Array, row: number): Float32Array {
  return rows.subarray(row * FEATURE_COUNT, (row + 1) * FEATURE_COUNT);
}
