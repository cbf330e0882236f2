/** Calibration: p-values by rank among held-out normal windows, and scores that the alert budget fixes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { budgetProbability, budgetScore } from '../models/calibration/alert-budget.ts';
import { conformalP } from '../models/calibration/p-value.ts';
import { seededRandom } from '../models/random.ts';

describe('the conformal p-value', () => {
  it('is (1 + windows at least as abnormal) / (n + 1)', () => {
    const scores = [1, 2, 2, 3];
    expect([0, 1, 2, 2.5, 3, 4].map((score) => conformalP(scores, score))).toEqual([1, 1, 4 / 5, 2 / 5, 2 / 5, 1 / 5]);
  });

  it('is what counting gives, for any scores', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 })), fc.integer({ min: -1, max: 21 }), (scores, score) => {
        const atLeast = scores.filter((other) => other >= score).length;
        expect(
          conformalP(
            scores.toSorted((a, b) => a - b),
            score,
          ),
        ).toBe((1 + atLeast) / (scores.length + 1));
      }),
      { seed: 1 },
    );
  });

  it('is at most p in a share p of normal windows', () => {
    const random = seededRandom(2);
    const calibration = Array.from({ length: 999 }, random).sort((a, b) => a - b);
    const p = Array.from({ length: 20_000 }, () => conformalP(calibration, random()));
    for (const level of [0.01, 0.05, 0.2])
      expect(p.filter((value) => value <= level).length / p.length).toBeLessThan(level * 1.5);
  });
});

describe('the reported score', () => {
  it('is 0.5 at the budget: one window of a day for one alert a day', () => {
    const pStar = budgetProbability(1, 1);
    expect(pStar).toBe(1 / 86_400);
    expect(budgetScore(pStar, pStar)).toBe(0.5);
  });

  it('is 0 for the most ordinary window and never above 1', () => {
    expect(budgetScore(1, 1e-5)).toBeCloseTo(0, 12);
    expect(budgetScore(1e-300, 1e-5)).toBe(1);
  });

  it('asks for less of a long window, of which a day has few', () => {
    expect(budgetProbability(1, 60)).toBe(60 / 86_400);
    expect(budgetScore(0.001, budgetProbability(1, 60))).toBeGreaterThan(budgetScore(0.001, budgetProbability(1, 1)));
  });

  it('is never undefined, however large the budget', () => {
    expect(budgetScore(0.5, budgetProbability(1e9, 86_400))).toBe(0.5);
  });
});
