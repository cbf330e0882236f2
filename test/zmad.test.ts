/** ZMAD: the known answer of the latency demo, series without spread, and what it abstains from. */
import { describe, expect, it } from 'vitest';
import { FEATURE_COUNT, rowsOf } from '../models/features.ts';
import { hourOfWeek, NO_HOUR } from '../models/hour-of-week.ts';
import { fitBaseline } from '../models/scaling/fit-baseline.ts';
import { deviation } from '../models/zmad/deviation.ts';
import { expandingZmad } from '../models/zmad/expanding.ts';
import { ANOMALY, FEWEST_SAMPLES, fitZmad, OUTLIER, scoreZmad } from '../models/zmad/zmad.ts';

/** numpy.random.seed(42); numpy.random.normal(3.5, 0.5, 25), then 15, 20, 25 and 17.5 planted at t = 3, 8, 15, 19. */
const LATENCY_DEMO = [
  3.748357076506, 3.430867849414, 3.82384426905, 15, 3.382923312638, 3.382931521525, 4.289606407754, 3.883717364576, 20,
  3.771280021793, 3.268291153594, 3.267135123215, 3.620981135783, 2.543359877671, 2.637541083743, 25, 2.993584439833,
  3.657123666298, 3.045987962239, 17.5, 4.232824384461, 3.387111849757, 3.533764102344, 2.787625906893, 3.227808637737,
];

describe('the latency demo', () => {
  const judged = expandingZmad(LATENCY_DEMO, 5, 0.001);
  const at = (kind: string): number[] => judged.flatMap((value, t) => (value.kind === kind ? [t] : []));

  it('has its three anomalies, three outliers and nineteen normal values', () => {
    expect(at('anomaly')).toEqual([8, 15, 19]);
    expect(at('outlier')).toEqual([6, 13, 14]);
    expect(at('normal')).toHaveLength(19);
  });

  it('has the published modified z-scores', () => {
    expect([8, 15, 19].map((t) => judged[t]?.z?.toFixed(2))).toEqual(['28.84', '54.88', '26.54']);
  });

  it('does not judge a value with fewer than five before it', () => {
    expect(judged.slice(0, 5).map(({ z }) => z)).toEqual([null, null, null, null, null]);
  });
});

describe('the deviation', () => {
  it('is the mean absolute deviation where more than half of the values are equal', () => {
    const values = Float64Array.of(1, 1, 1, 1, 1, 1, 11);
    expect(deviation(values, 1, 0)).toBeCloseTo((1.253314 * 10) / 7, 12);
  });

  it('is the floor where all values are equal', () => {
    expect(deviation(Float64Array.of(4, 4, 4), 4, 0.25)).toBe(0.25);
  });

  it('of a normal distribution is its standard deviation: 0.6745 at one MAD', () => {
    expect(deviation(Float64Array.of(-2, -1, 0, 1, 2), 0, 0)).toBeCloseTo(1 / 0.6745, 12);
  });
});

describe('the model', () => {
  const rows = Float32Array.from({ length: 60 * FEATURE_COUNT }, (_, at) => (at % FEATURE_COUNT) + (at % 7));

  it('is not fitted on fewer than thirty windows', () => {
    const few = rows.slice(0, (FEWEST_SAMPLES - 1) * FEATURE_COUNT);
    expect(() => fitZmad(few, fitBaseline(few))).toThrow(/needs 30 windows, and got 29/);
  });

  it('gives a feature that was learned from too few values no weight', () => {
    const gaps = rows.map((value, at) => (at % FEATURE_COUNT === 7 && at > 29 * FEATURE_COUNT ? Number.NaN : value));
    const baseline = fitBaseline(gaps);
    expect(baseline[7]?.active).toBe(false);
    const parameters = fitZmad(gaps, baseline);
    const row = gaps.slice(0, FEATURE_COUNT);
    row[7] = 1e12;
    expect(parameters.weights[FEATURE_COUNT * NO_HOUR + 7]).toBe(0);
    expect(scoreZmad(parameters, baseline, row).contribution[7]).toBe(0);
  });

  it('scores half the largest and half the mean, over the measured features only', () => {
    const baseline = fitBaseline(rows);
    const parameters = fitZmad(rows, baseline);
    const row = new Float32Array(FEATURE_COUNT).fill(Number.NaN);
    row[0] = 1e6;
    const { score, contribution } = scoreZmad(parameters, baseline, row);
    expect(score[0]).toBeCloseTo(contribution[0] as number, 4);
  });
});

describe('the baselines by hour of the week', () => {
  /** Eight weeks of a window a quarter of an hour: by day a thousand packets a second, at night ten. */
  const starts = Array.from({ length: 8 * 7 * 96 }, (_, i) =>
    new Date(Date.UTC(2026, 0, 5) + i * 900_000).toISOString(),
  );
  const isDay = (start: string): boolean => new Date(start).getUTCHours() >= 8 && new Date(start).getUTCHours() < 20;
  const packets = starts.map((start, i) => (isDay(start) ? 1000 : 10) * (1 + 0.02 * (i % 11)));
  const rows = rowsOf(packets.map((packets_per_second) => ({ packets_per_second })));
  const baseline = fitBaseline(rows);
  const parameters = fitZmad(rows, baseline, starts);
  const night = hourOfWeek('2026-02-04T03:00:00Z');
  const noon = hourOfWeek('2026-02-04T12:00:00Z');
  const scoreAt = (packets_per_second: number, hour: number): number =>
    scoreZmad(parameters, baseline, rowsOf([{ packets_per_second }]), Float32Array.of(hour)).score[0] as number;

  it('take the traffic of noon for an anomaly at night, and not at noon', () => {
    expect(scoreAt(1100, noon)).toBeLessThan(OUTLIER);
    expect(scoreAt(1100, night)).toBeGreaterThan(ANOMALY);
    expect(scoreAt(11, noon)).toBeGreaterThan(ANOMALY);
  });

  it('are left aside where the time is not known', () => {
    expect(scoreAt(1100, NO_HOUR)).toBeLessThan(OUTLIER);
    expect(scoreAt(11, NO_HOUR)).toBeLessThan(OUTLIER);
  });

  it('are not made from a single day, however many windows it has', () => {
    const oneDay = starts.map((_, i) => new Date(Date.UTC(2026, 0, 5) + i * 1000).toISOString());
    expect(fitZmad(rows, baseline, oneDay).hours).toBe(0);
    expect(fitZmad(rows, baseline).hours).toBe(0);
    expect(parameters.hours).toBe(168);
  });

  it('of an hour seldom seen are those of the same hour of the other working days', () => {
    const seldom = starts.map((start) => hourOfWeek(start) !== night);
    const kept = <T>(values: readonly T[]): T[] => values.filter((_, i) => seldom[i]);
    const keptRows = rowsOf(kept(packets).map((packets_per_second) => ({ packets_per_second })));
    const without = fitZmad(keptRows, baseline, kept(starts));
    expect(without.hours).toBe(168);
    expect(without.medians[night * FEATURE_COUNT]).toBeCloseTo(parameters.medians[night * FEATURE_COUNT] as number, 1);
  });
});
