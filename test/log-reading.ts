/** A log of made-up lines at a made-up moment, and what is read of it. */
import type { Since } from '../collector/auth/log-start.ts';
import type { LogTail } from '../collector/auth/log-tail.ts';
import { type Clock, systemClock } from '../collector/sources/clock.ts';

export const NOW_S = Date.UTC(2026, 10, 21, 12) / 1000;

/** @param second from now */
export const line = (second: number, text = 'x'): string =>
  `${new Date((NOW_S + second) * 1000).toISOString()} ${text}\n`;

/** The last ten minutes. */
export const since: Since = {
  timeOf_ms: (text) => Date.parse(text.split(' ')[0] ?? '') || null,
  oldest_ms: () => (NOW_S - 600) * 1000,
};

/** Looks again at once. */
export const clock: Clock = { ...systemClock, sleep: async () => {} };

/** Reads until nothing has come for `quiet` looks. @param atEnd called whenever the end is reached, with how often it was */
export async function readLog(tail: LogTail, atEnd: (times: number) => void = () => {}, quiet = 1): Promise<string[]> {
  const stop = new AbortController();
  const found: string[] = [];
  let ends = 0;
  for await (const text of tail.lines(stop.signal)) {
    if (text !== null) found.push(`${text}\n`);
    else {
      atEnd(ends++);
      if (ends > quiet) stop.abort();
    }
  }
  return found;
}
