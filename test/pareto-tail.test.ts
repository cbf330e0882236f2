/** The Pareto tail: known tails are recovered, and what lies beyond all scores gets the probability that it has. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calibrate, pValue } from '../models/calibration/p-value.ts';
import { exceedanceProbability, fitParetoTail } from '../models/calibration/pareto-tail.ts';
import { normal, seededRandom } from '../models/random.ts';

/** Distributions by their quantile function, with the shape of their tail. */
const KNOWN = [
  ['exponential', 0, (u: number) => -Math.log1p(-u)],
  ['Pareto of shape 0.25', 0.25, (u: number) => ((1 - u) ** -0.25 - 1) / 0.25],
  ['Pareto of shape 0.5', 0.5, (u: number) => ((1 - u) ** -0.5 - 1) / 0.5],
  ['triangular, whose tail ends', -0.5, (u: number) => 1 - Math.sqrt(1 - u)],
] as const;

const drawn = (quantile: (u: number) => number, count: number, seed: number): Float64Array => {
  const random = seededRandom(seed);
  return Float64Array.from({ length: count }, () => quantile(random())).sort();
};

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** What ArviZ's estimator, an independent implementation in Python, says of the scores below, with the prior's 0.5 taken to 0.2. */
const SHAPE_OF_OTHERS = 0.31436 - (10 * (0.5 - 0.2)) / (200 + 10);

describe.each(KNOWN)('of a distribution that is %s', (_name, shape, quantile) => {
  const tails = Array.from({ length: 20 }, (_, seed) => fitParetoTail(drawn(quantile, 4000, seed + 1)));

  it('the shape is found', () => {
    expect(Math.abs(mean(tails.map((tail) => tail?.shape ?? Number.NaN)) - shape)).toBeLessThan(0.06);
  });

  it('one in 100,000 is told from 4,000 seen, on the median to a factor of three, or as less rare where the tail ends', () => {
    const truth = 1e-5;
    const told = tails
      .map((tail) => (tail ? exceedanceProbability(tail, quantile(1 - truth)) : Number.NaN))
      .sort((a, b) => a - b);
    expect(told[0]).toBeGreaterThan(0);
    expect((told[10] as number) / truth).toBeGreaterThan(1 / 3);
    expect((told[10] as number) / truth).toBeLessThan(shape < 0 ? 100 : 3);
  });
});

it('agrees with the published estimator: 200 excesses of known quantiles', () => {
  // Quantiles of shape 0.3.
  const scores = Float64Array.from({ length: 2000 }, (_, i) =>
    i < 1800 ? (i - 1800) / 1800 : ((1 - (i - 1800 + 0.5) / 200) ** -0.3 - 1) / 0.3,
  );
  const tail = fitParetoTail(scores);
  expect(tail?.exceedances).toBe(200);
  expect(tail?.shape).toBeCloseTo(SHAPE_OF_OTHERS, 3);
});

describe('the p-value', () => {
  const scores = drawn((u) => -Math.log1p(-u), 2000, 7);
  const calibration = calibrate(scores);

  it('falls as the score rises, across the threshold too, and is never 0', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 400, noNaN: true }), fc.double({ min: 0, max: 5 }), (score, more) => {
        const p = pValue(calibration, score);
        expect(p).toBeGreaterThan(0);
        expect(pValue(calibration, score + more)).toBeLessThanOrEqual(p);
      }),
      { seed: 1 },
    );
  });

  it('is at most p in about a share p of normal windows, far beyond the calibration too', () => {
    const random = seededRandom(8);
    const p = Float64Array.from({ length: 400_000 }, () => pValue(calibration, -Math.log1p(-random())));
    for (const level of [0.05, 0.01, 1e-3, 1e-4]) {
      const realised = p.filter((value) => value <= level).length / p.length;
      expect(realised / level).toBeGreaterThan(0.4);
      expect(realised / level).toBeLessThan(2);
    }
  });

  it('is the rank alone where too few scores, or equal ones, tell of no tail', () => {
    expect(calibrate(scores.subarray(0, 60)).tail).toBeNull();
    expect(calibrate(new Float64Array(5000).fill(3)).tail).toBeNull();
    expect(pValue(calibrate([1, 2, 3]), 99)).toBe(1 / 4);
  });

  it('does not depend on the order of the scores', () => {
    expect(calibrate(scores.toReversed())).toEqual(calibration);
  });

  it('of normal noise squared is told in its order of magnitude', () => {
    const told = Array.from({ length: 21 }, (_, seed) => {
      const random = seededRandom(100 + seed);
      const squares = calibrate(Float64Array.from({ length: 5000 }, () => normal(random) ** 2));
      return pValue(squares, 19.51);
    }).sort((a, b) => a - b);
    // P(z² > 19.51) = 1e-5.
    expect(told[10]).toBeGreaterThan(2e-6);
    expect(told[10]).toBeLessThan(5e-5);
  });
});
