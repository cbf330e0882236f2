/** Learns how much a host of the group sends over half an hour, by the hour of the week. */
import type { Manifest } from '../../contract/manifest.ts';
import type { NetworkWindow } from '../../contract/network-window.ts';
import { HOURS, hourOfWeek } from '../hour-of-week.ts';
import { quantileOfSorted } from '../quantile.ts';
import { HALF_HOUR_LEAST_S, outPerByteIn } from '../rules/half-hour.ts';

/** Fewer half hours say nothing of an hour of the week. */
const FEWEST = 30;

/**
 * The 99 % quantile of the mean bytes a second going out over half an hour, for each hour of the week in UTC (Monday, midnight
 * first), over all of them, and of the bytes out for one that comes in; null where direction or half hours were not measured.
 */
export function recentOut(windows: readonly NetworkWindow[]): Manifest['recent_out'] {
  const byHour = Array.from({ length: HOURS }, (): number[] => []);
  const all: number[] = [];
  const perByteIn: number[] = [];
  for (const { start, recent } of windows) {
    const out = recent?.bytes_out_per_second;
    if (!recent || typeof out !== 'number' || recent.over_s < HALF_HOUR_LEAST_S) continue;
    byHour[hourOfWeek(start)]?.push(out);
    all.push(out);
    perByteIn.push(outPerByteIn(recent) ?? 0);
  }
  if (all.length < FEWEST) return null;
  const extreme = (values: readonly number[]): number => quantileOfSorted(Float64Array.from(values).sort(), 0.99);
  return {
    all: extreme(all),
    hours: byHour.map((values) => (values.length < FEWEST ? null : extreme(values))),
    per_byte_in: extreme(perByteIn),
  };
}
