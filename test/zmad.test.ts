/** ZMAD: the known answer, and what it does where more than half of the values are equal. */
import { describe, expect, it } from 'vitest';
import { fitBaseline } from '../models/scaling/fit-baseline.ts';
import { expandingZmad } from '../models/zmad/expanding.ts';
import { deviation, FEWEST_SAMPLES, fitZmad } from '../models/zmad/zmad.ts';

/** numpy.random.seed(42); normal(3.5, 0.5, 25), with 15, 20, 25 and 17.5 planted at 3, 8, 15 and 19. */
const LATENCIES = [
  3.748357, 3.430868, 3.823844, 15, 3.382923, 3.382932, 4.289606, 3.883717, 20, 3.77128, 3.268291, 3.267135, 3.620981,
  2.54336, 2.637541, 25, 2.993584, 3.657124, 3.045988, 17.5, 4.232824, 3.387112, 3.533764, 2.787626, 3.227809,
];

describe('the latency demo', () => {
  const judged = expandingZmad(LATENCIES, 5, 0.001);
  const at = (kind: string) => judged.flatMap((value, t) => (value.kind === kind ? [t] : []));

  it('has its anomalies at 8, 15 and 19, with the known scores', () => {
    expect(at('anomaly')).toEqual([8, 15, 19]);
    expect([8, 15, 19].map((t) => Number(judged[t]?.z?.toFixed(2)))).toEqual([28.84, 54.88, 26.54]);
  });

  it('has its outliers at 6, 13 and 14', () => expect(at('outlier')).toEqual([6, 13, 14]));
  it('finds the other 19 normal', () => expect(at('normal')).toHaveLength(19));
});

describe('deviation', () => {
  it('is MAD / 0.6745', () => {
    expect(deviation(Float64Array.of(1, 2, 3, 4, 9), 3, 0)).toBeCloseTo(1 / 0.6745, 12);
  });

  it('falls back on the mean absolute deviation where MAD is 0', () => {
    expect(deviation(Float64Array.of(5, 5, 5, 5, 9), 5, 0)).toBeCloseTo((1.253314 * 4) / 5, 12);
  });

  it('is never finer than its floor', () => expect(deviation(Float64Array.of(5, 5, 5), 5, 0.25)).toBe(0.25));
});

it('asks for 30 windows', () => {
  const rows = new Float32Array((FEWEST_SAMPLES - 1) * 11);
  expect(() => fitZmad(rows, fitBaseline(rows))).toThrow(/needs 30 windows, and got 29/);
});
