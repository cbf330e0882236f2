/** From a raw score to the probability that a normal window scores at least as high. */
import type { Calibration } from '../../contract/manifest.ts';
import { exceedanceProbability, fitParetoTail } from './pareto-tail.ts';

/** Scores kept, an even sample of the sorted ones. */
const MOST_SCORES = 2048;

/**
 * What held-out normal windows score, and the tail beyond. Needs the scores only: models are recalibrated without refitting.
 * @param scores raw scores of held-out normal windows, in any order; at least one
 */
export function calibrate(scores: ArrayLike<number>): Calibration {
  const ascending = Float64Array.from(scores).sort();
  return { scores: everyRank(ascending, MOST_SCORES), windows: ascending.length, tail: fitParetoTail(ascending) };
}

/** The rank among the held-out scores; above the tail's threshold what the tail says, which goes on where ranks end. */
export function pValue({ scores, tail }: Calibration, score: number): number {
  return tail && score > tail.threshold ? exceedanceProbability(tail, score) : conformalP(scores, score);
}

/**
 * Conformal p-value: the share of held-out normal windows at least as abnormal, the judged one counted among them, so that
 * it is never 0 and at most one in `n + 1` normal windows gets the smallest value.
 * Vovk, Gammerman, Shafer: Algorithmic Learning in a Random World (2005), chapter 2.
 * @param scores raw scores of held-out normal windows, ascending
 */
export function conformalP(scores: readonly number[], score: number): number {
  let low = 0;
  let high = scores.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((scores[middle] as number) < score) low = middle + 1;
    else high = middle;
  }
  return (1 + scores.length - low) / (scores.length + 1);
}

/** An even sample of ascending scores; the largest is always in it, since what lies beyond it is the rarest there is. */
function everyRank(ascending: Float64Array, most: number): number[] {
  const count = Math.min(ascending.length, most);
  return Array.from(
    { length: count },
    (_, i) => ascending[Math.round((i * (ascending.length - 1)) / Math.max(1, count - 1))] as number,
  );
}
