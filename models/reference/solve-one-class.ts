/** The quadratic programme of the one-class SVM, solved two weights at a time (sequential minimal optimisation). */

/** How far the optimality conditions may be missed; libsvm's default. */
const TOLERANCE = 1e-3;
/** Steps per row; what is reached then is used. Ordinary data needs one or two. */
const MOST_STEPS_PER_ROW = 100;
/** Rows that coincide have no curvature between them. */
const LEAST_CURVATURE = 1e-12;

export interface OneClassSolution {
  /** Weight of each row, 0..1; they sum to nu x rows. */
  readonly alpha: Float64Array;
  /** What the weighted kernel sums up to on the border of the region. */
  readonly rho: number;
}

/**
 * Minimises ½·αᵀKα with 0 ≤ α ≤ 1 and Σα = nu·count.
 * The pair of each step is chosen by second order information: Fan, Chen, Lin: Working Set Selection Using Second Order Information
 * for Training Support Vector Machines (JMLR 6, 2005), algorithm WSS 2.
 * @param kernel count x count, 1 on its diagonal
 * @param nu 0..1
 */
export function solveOneClass(kernel: Float32Array, count: number, nu: number): OneClassSolution {
  const alpha = new Float64Array(count);
  const gradient = new Float64Array(count);
  const add = (row: number, weight: number): void => {
    alpha[row] = (alpha[row] as number) + weight;
    const column = kernel.subarray(row * count, (row + 1) * count);
    for (let i = 0; i < count; i++) gradient[i] = (gradient[i] as number) + weight * (column[i] as number);
  };
  for (let row = 0, left = nu * count; left > 0; row++, left--) add(row, Math.min(1, left));

  for (let step = 0; step < MOST_STEPS_PER_ROW * count; step++) {
    const pair = worstPair(kernel, alpha, gradient);
    if (!pair) break;
    const { gains, loses, curvature } = pair;
    const wanted = ((gradient[loses] as number) - (gradient[gains] as number)) / curvature;
    const [room, held] = [1 - (alpha[gains] as number), alpha[loses] as number];
    const moved = Math.min(wanted, room, held);
    add(gains, moved);
    add(loses, -moved);
    // Exactly on the bound, which a sum of differences can miss by a rounding.
    if (moved === room) alpha[gains] = 1;
    if (moved === held) alpha[loses] = 0;
  }
  return { alpha, rho: borderOf(alpha, gradient) };
}

interface Pair {
  readonly gains: number;
  readonly loses: number;
  readonly curvature: number;
}

/** The two rows between which moving weight gains most, or null where no pair gains enough. */
function worstPair(kernel: Float32Array, alpha: Float64Array, gradient: Float64Array): Pair | null {
  const count = alpha.length;
  let gains = -1;
  let [lowest, highest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < count; i++) {
    const slope = gradient[i] as number;
    if ((alpha[i] as number) < 1 && slope < lowest) [lowest, gains] = [slope, i];
    if ((alpha[i] as number) > 0 && slope > highest) highest = slope;
  }
  if (gains < 0 || highest - lowest < TOLERANCE) return null;
  let [loses, most, curvature] = [-1, 0, 1];
  for (let i = 0; i < count; i++) {
    const difference = (gradient[i] as number) - lowest;
    if ((alpha[i] as number) <= 0 || difference <= 0) continue;
    const own = Math.max(LEAST_CURVATURE, 2 - 2 * (kernel[gains * count + i] as number));
    const gain = difference ** 2 / own;
    if (gain > most) [loses, most, curvature] = [i, gain, own];
  }
  return loses < 0 ? null : { gains, loses, curvature };
}

/** The mean over rows with a weight between the bounds; where there is none, the middle of what the others allow. */
function borderOf(alpha: Float64Array, gradient: Float64Array): number {
  let [sum, free] = [0, 0];
  let [low, high] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let i = 0; i < alpha.length; i++) {
    const slope = gradient[i] as number;
    if ((alpha[i] as number) >= 1) low = Math.max(low, slope);
    else if ((alpha[i] as number) <= 0) high = Math.min(high, slope);
    else {
      sum += slope;
      free++;
    }
  }
  return free > 0 ? sum / free : (low + high) / 2;
}
