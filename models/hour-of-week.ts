/** The hour of the week, by which traffic of people has its rhythm. */
import type { NetworkWindow } from '../contract/network-window.ts';

export const HOURS = 168;
/** Stands for a window whose time is not known. */
export const NO_HOUR = HOURS;

/** 0 is Monday from midnight to one in UTC, 167 the last hour of Sunday. */
export function hourOfWeek(start: string): number {
  const at = new Date(start);
  return ((at.getUTCDay() + 6) % 7) * 24 + at.getUTCHours();
}

/** The hour of each window, for the statistical model. */
export function hoursOf(windows: readonly Pick<NetworkWindow, 'start'>[]): Float32Array {
  return Float32Array.from(windows, ({ start }) => hourOfWeek(start));
}

/** For rows without a time. */
export function noHours(count: number): Float32Array {
  return new Float32Array(count).fill(NO_HOUR);
}
