/** Median and deviation of a feature by hour of the week, as far as there are windows enough to tell. */
import { hourOfWeek, NO_HOUR } from '../hour-of-week.ts';
import { medianOfSorted } from '../quantile.ts';
import { deviation } from './deviation.ts';

/** Of an hour with fewer windows, or of a single day, nothing is learned: a quiet Tuesday would become the rule. */
const FEWEST_WINDOWS = 60;
const FEWEST_DAYS = 3;
/** Windows of an hour by which its own deviation weighs as much as that of all hours. */
const HALF_TRUSTED_WINDOWS = 240;

export interface Spread {
  readonly median: number;
  readonly deviation: number;
}

export interface Moment {
  readonly value: number;
  readonly hour: number;
  /** Days since 1970. */
  readonly day: number;
}

/** Reads the time of a window once for all of its features. */
export function momentOf(start: string): Omit<Moment, 'value'> {
  return { hour: hourOfWeek(start), day: Math.floor(Date.parse(start) / 86_400_000) };
}

/**
 * The spread of every hour of the week that has one of its own: from windows of that hour, else from those of the same hour of
 * working days (or of weekends); an hour that is in neither is not in the map. The deviation is drawn towards that of all hours
 * together, since a few windows of one hour tell little of it.
 * @param floor smallest deviation
 */
export function spreadByHour(moments: readonly Moment[], floor: number): Map<number, Spread> {
  const ofHour = Map.groupBy(moments, ({ hour }) => hour);
  const ofKind = Map.groupBy(moments, ({ hour }) => kindOf(hour));
  const found = new Map<number, { readonly own: readonly Moment[]; readonly median: number }>();
  for (let hour = 0; hour < NO_HOUR; hour++) {
    const own = [ofHour.get(hour), ofKind.get(kindOf(hour))].find(isEnough);
    if (own) found.set(hour, { own, median: medianOfSorted(sorted(own.map(({ value }) => value))) });
  }
  if (found.size === 0) return new Map();
  const residuals = moments.flatMap(({ value, hour }) => {
    const median = found.get(hour)?.median;
    return median === undefined ? [] : [value - median];
  });
  const overall = deviation(sorted(residuals), 0, floor);
  return new Map(
    [...found].map(([hour, { own, median }]) => {
      const ownDeviation = deviation(sorted(own.map(({ value }) => value)), median, floor);
      const trust = own.length / (own.length + HALF_TRUSTED_WINDOWS);
      return [hour, { median, deviation: trust * ownDeviation + (1 - trust) * overall }];
    }),
  );
}

/** Hour of the day on working days, and on weekends. */
const kindOf = (hour: number): string => `${hour >= 120 ? 'weekend' : 'working'} ${hour % 24}`;

function isEnough(moments: readonly Moment[] | undefined): moments is readonly Moment[] {
  return (
    moments !== undefined &&
    moments.length >= FEWEST_WINDOWS &&
    new Set(moments.map(({ day }) => day)).size >= FEWEST_DAYS
  );
}

const sorted = (values: readonly number[]): Float64Array => Float64Array.from(values).sort();
