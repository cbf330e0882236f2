/** Lengths of time as people write them: 90s, 10m, 2h, 1d. */

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;
export const DURATION_FORM = 'must be a length of time such as 90s, 10m, 2h or 1d';

/** @returns seconds; null where the text is no length of time */
export function durationSeconds(text: string): number | null {
  const [, count = '', unit = ''] = /^(\d{1,7})([smhd])$/.exec(text) ?? [];
  if (unit !== 's' && unit !== 'm' && unit !== 'h' && unit !== 'd') return null;
  return Number(count) * SECONDS[unit] || null;
}
