/** Consensus: the Cauchy combination of p-values, levels, and the agreement that an alert of the models needs. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calibrate } from '../models/calibration/p-value.ts';
import { agreedStrangeness, cauchyCombination, consensusOf, levelOf } from '../models/consensus.ts';
import { seededRandom } from '../models/random.ts';

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
  const pStar = 1e-5;
  const votes = (spatial: number, temporal: number, statistical: number) => [
    { model: 'spatial' as const, p: spatial },
    { model: 'temporal' as const, p: temporal },
    { model: 'statistical' as const, p: statistical },
  ];
  /** What 4,000 normal windows make of three models that say nearly the same. */
  const random = seededRandom(3);
  const dependent = () => {
    const p = random();
    return agreedStrangeness(
      votes(p, Math.min(1, p * (0.9 + 0.2 * random())), Math.min(1, p * (0.9 + 0.2 * random()))),
    );
  };
  const calibrated = {
    models: ['spatial' as const, 'temporal' as const, 'statistical' as const],
    calibration: calibrate(Array.from({ length: 4000 }, dependent)),
  };

  it('needs two models that each find the window unusual', () => {
    expect(consensusOf(votes(1e-9, 0.4, 0.9), null, pStar).agreed).toBe(false);
    expect(consensusOf(votes(1e-9, 1e-4, 0.9), null, pStar).agreed).toBe(true);
    expect(consensusOf(votes(1e-9, 1e-4, 0.9).slice(0, 1), null, pStar).agreed).toBe(false);
  });

  it('is part of the calibrated consensus: one model alone moves it nowhere', () => {
    expect(consensusOf(votes(1e-12, 0.4, 0.9), calibrated, pStar).p).toBeGreaterThan(0.01);
    expect(consensusOf(votes(1e-12, 1e-6, 0.9), calibrated, pStar).p).toBeLessThan(1e-4);
  });

  it('of dependent models is as rare as they are, and of nothing is no finding', () => {
    const strange = consensusOf(votes(1e-4, 1e-4, 1e-4), calibrated, pStar);
    expect(strange.p).toBeGreaterThan(2e-5);
    expect(strange.p).toBeLessThan(5e-4);
    expect(consensusOf([], calibrated, pStar)).toEqual({ p: 1, agreed: false });
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
