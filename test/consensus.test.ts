/** Consensus: the Cauchy combination of p-values, levels, and the agreement that an alert of the models needs. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cauchyCombination, levelOf, modelsAgree } from '../models/consensus.ts';

const equally = (...values: number[]): number => cauchyCombination(values.map((p) => ({ p, weight: 1 })));
const pValue = fc.double({ min: 1e-12, max: 0.98, noNaN: true });

describe('the Cauchy combination', () => {
  it('of one p-value, or of equal ones, is that p-value', () => {
    for (const p of [0.9, 0.5, 0.03, 1e-4, 1e-9, 1e-12]) {
      expect(equally(p) / p).toBeCloseTo(1, 6);
      expect(equally(p, p, p) / p).toBeCloseTo(1, 6);
    }
  });

  it('of 0.01, 0.2 and 0.7 is the value worked out by hand', () => {
    // Mean of tan((0.5 - p) pi): (31.8205 + 1.3764 - 0.7265) / 3 = 10.8235; 0.5 - atan(10.8235) / pi = 0.02933.
    expect(equally(0.01, 0.2, 0.7)).toBeCloseTo(0.02933, 5);
  });

  it('does not depend on the order, lies between 0 and 1, and falls with each p-value', () => {
    fc.assert(
      fc.property(fc.array(pValue, { minLength: 1, maxLength: 3 }), pValue, (values, p) => {
        const combined = equally(...values);
        expect(combined).toBeGreaterThan(0);
        expect(combined).toBeLessThanOrEqual(1);
        expect(equally(...values.toReversed()) / combined).toBeCloseTo(1, 9);
        const [first = 1, ...rest] = values;
        expect(equally(Math.min(first, p), ...rest)).toBeLessThanOrEqual(combined * (1 + 1e-9));
      }),
      { seed: 1 },
    );
  });

  it('is not vetoed by one model that finds the window perfectly ordinary', () => {
    expect(equally(1e-6, 1e-6, 1)).toBeLessThan(1e-5);
  });

  it('counts a p-value of weight 3 as three of weight 1', () => {
    const weighted = cauchyCombination([
      { p: 0.001, weight: 3 },
      { p: 0.4, weight: 1 },
    ]);
    expect(weighted / equally(0.001, 0.001, 0.001, 0.4)).toBeCloseTo(1, 9);
  });

  it('of nothing is 1', () => {
    expect(cauchyCombination([])).toBe(1);
  });
});

describe('agreement', () => {
  it('needs two models that each find the window unusual', () => {
    expect(modelsAgree([1])).toBe(false);
    expect(modelsAgree([1, 0.3, 0])).toBe(false);
    expect(modelsAgree([0.31, 0.31])).toBe(true);
  });
});

describe('levels', () => {
  it('begin above their threshold, not at it', () => {
    expect([0.3, 0.31, 0.5, 0.51, 0.7, 0.71, 0.8, 0.81].map(levelOf)).toEqual([
      'none',
      'low',
      'low',
      'medium',
      'medium',
      'high',
      'high',
      'critical',
    ]);
  });
});
