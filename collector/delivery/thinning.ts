/**
 * Which windows of a full spool go: an outage longer than the spool is told in fewer windows rather than not at all.
 *
 * Half of the bound is for whole segments, the newest; a quarter for older ones of which every second window is left, an eighth for
 * every fourth, and so on to one in 32. Each share covers the same time.
 */
import type { LoggedWindow, Segment } from './segment.ts';
import { identify } from './series.ts';

/** What has been halved so often goes as a whole. */
export const MAX_HALVINGS = 5;

/** The oldest segment of those whose share is exceeded most; null where there is none. */
export function segmentToThin(segments: readonly Segment[]): Segment | null {
  let [worst, worstWeight] = [null as Segment | null, 0];
  for (const [halvings, members] of Map.groupBy(segments, (segment) => Math.min(segment.halvings, MAX_HALVINGS))) {
    const weight = members.reduce((sum, { bytes }) => sum + bytes, 0) * 2 ** halvings;
    if (weight > worstWeight) [worst, worstWeight] = [members[0] ?? null, weight];
  }
  return worst;
}

/** The newer of every two of a series: an interface that seldom speaks is not silenced by one that often does. */
export function everySecond(windows: readonly LoggedWindow[]): LoggedWindow[] {
  const seen = new Map<string, number>();
  const isKept = ({ json }: LoggedWindow): boolean => {
    const { series } = identify(JSON.parse(json));
    const before = seen.get(series) ?? 0;
    seen.set(series, before + 1);
    return before % 2 === 0;
  };
  return windows.toReversed().filter(isKept).toReversed();
}
