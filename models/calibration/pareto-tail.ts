/** How rare scores are that lie beyond almost all seen: the generalised Pareto tail over a threshold. */

/** The tail of a distribution above `threshold`; P(score > x) = share · (1 + shape · (x − threshold) / scale)^(−1 / shape). */
export interface ParetoTail {
  readonly threshold: number;
  /** 0: exponential; larger: heavier; smaller: with an end. */
  readonly shape: number;
  /** In the unit of the score. */
  readonly scale: number;
  /** Share of the scores above the threshold. */
  readonly share: number;
  /** Scores above the threshold that the tail was fitted on. */
  readonly exceedances: number;
}

/** The part of the scores that is the tail. */
const TAIL_SHARE = 0.1;
/** Fewer scores above the threshold tell nothing of their distribution. */
const FEWEST_EXCEEDANCES = 10;
/** More make the fit no better, and reach into what is no tail. */
const MOST_EXCEEDANCES = 400;
/** The weight of the prior, in exceedances, and its shape: with little data a tail is taken to be heavy. */
const PRIOR_EXCEEDANCES = 10;
const PRIOR_SHAPE = 0.2;
const HEAVIEST = 0.95;
const LIGHTEST = -0.5;
/** A tail with an end is believed as far as one exceedance goes, and goes on as an exponential from there, in exceedances. */
const BELIEVED = 1;

/**
 * Peaks over threshold (Pickands 1975; Balkema, de Haan 1974). The threshold is the order statistic that leaves the highest
 * tenth of the scores above it, 400 of them at most. Shape and scale by Zhang, Stephens: A new and efficient estimation method
 * for the generalized Pareto distribution (Technometrics 51, 2009), with the prior on the shape of Vehtari, Simpson, Gelman,
 * Yao, Gabry: Pareto smoothed importance sampling (JMLR 25, 2024), appendix G; theirs is 0.5, which doubles the false alarms that
 * a budget seems to allow, ours 0.2.
 * @param ascending scores of held-out normal windows
 * @returns null where too few scores lie above the threshold, or all that do are alike
 */
export function fitParetoTail(ascending: ArrayLike<number>): ParetoTail | null {
  const count = ascending.length;
  const exceedances = Math.min(MOST_EXCEEDANCES, Math.floor(TAIL_SHARE * count));
  if (exceedances < FEWEST_EXCEEDANCES) return null;
  const threshold = ascending[count - exceedances - 1] as number;
  const excesses = Float64Array.from(
    { length: exceedances },
    (_, i) => (ascending[count - exceedances + i] as number) - threshold,
  );
  const mean = excesses.reduce((sum, value) => sum + value, 0) / exceedances;
  if (!(mean > 0)) return null;
  const estimated = zhangStephensShape(excesses);
  const shape = (exceedances * estimated + PRIOR_EXCEEDANCES * PRIOR_SHAPE) / (exceedances + PRIOR_EXCEEDANCES);
  const bounded = Math.min(HEAVIEST, Math.max(LIGHTEST, shape));
  // The mean excess of a generalised Pareto distribution is scale / (1 − shape).
  return { threshold, shape: bounded, scale: mean * (1 - bounded), share: exceedances / count, exceedances };
}

/** P(score ≥ x) for x at or above the threshold; never 0: no score is impossible because none like it was seen. */
export function exceedanceProbability(tail: ParetoTail, score: number): number {
  const { threshold, shape, scale, share, exceedances } = tail;
  const excess = Math.max(0, score - threshold);
  if (Math.abs(shape) < 1e-9) return share * Math.exp(-excess / scale);
  if (shape > 0) return share * (1 + (shape * excess) / scale) ** (-1 / shape);
  const believed = (scale / shape) * ((exceedances / BELIEVED) ** shape - 1);
  const within = Math.min(excess, believed);
  // The exponential has the same rate as the tail where it takes over.
  const beyond = (excess - within) / (scale + shape * believed);
  return share * (1 + (shape * within) / scale) ** (-1 / shape) * Math.exp(-beyond);
}

/** The posterior mean of the shape over a grid of profile likelihoods. @param excesses ascending, not all 0 */
function zhangStephensShape(excesses: Float64Array): number {
  const count = excesses.length;
  const largest = excesses[count - 1] as number;
  const quartile = excesses.find((value, i) => i >= Math.floor(count / 4 + 0.5) - 1 && value > 0) ?? largest;
  const points = 30 + Math.floor(Math.sqrt(count));
  const thetas = Array.from(
    { length: points },
    (_, i) => 1 / largest + (1 - Math.sqrt(points / (i + 0.5))) / (3 * quartile),
  );
  const logLikelihoods = thetas.map((theta) => {
    const shape = negatedShape(theta, excesses);
    return count * (Math.log(theta / shape) + shape - 1);
  });
  const highest = Math.max(...logLikelihoods);
  const weights = logLikelihoods.map((value) => Math.exp(value - highest));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const theta = thetas.reduce((sum, value, i) => sum + value * (weights[i] as number), 0) / total;
  return -negatedShape(theta, excesses);
}

function negatedShape(theta: number, excesses: Float64Array): number {
  return -excesses.reduce((sum, value) => sum + Math.log1p(-theta * value), 0) / excesses.length;
}
