/** The view over the last half hour that a window carries: when it counts, and what it is compared with. */
import type { Recent } from '../../contract/network-window.ts';

/** A view that covers less is no half hour. */
export const HALF_HOUR_LEAST_S = 1500;

/** Bytes that went out for one that came in; null where direction was not measured, or nothing came in. */
export function outPerByteIn({
  bytes_in_per_second,
  bytes_out_per_second,
}: Pick<Recent, 'bytes_in_per_second' | 'bytes_out_per_second'>): number | null {
  return bytes_in_per_second && typeof bytes_out_per_second === 'number'
    ? bytes_out_per_second / bytes_in_per_second
    : null;
}
