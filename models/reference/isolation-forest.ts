/** Isolation forest: rows that random splits part from the others after few steps are abnormal. */
import { type Random, seededRandom } from '../random.ts';
import type { FittedDetector, ReferenceDetector } from './detector.ts';
import { sampleRows } from './sample-rows.ts';

/** Twice the paper's, since half the variance by the seed is worth it; the paper's rows per tree. */
const TREES = 200;
const ROWS_PER_TREE = 256;
const EULER = 0.5772156649015329;

/** Nodes by number, the root first; a leaf has feature -1 and the expected depth below it as its threshold. */
interface Tree {
  readonly feature: number[];
  readonly threshold: number[];
  readonly left: number[];
  readonly right: number[];
}

/**
 * Scores lie in 0..1; about 0.5 is ordinary. Blind to anomalies that are such only by a combination of features.
 * At most 200 trees of 511 nodes each, whatever the number of rows. Written from the paper, since ml-isolation-forest 0.1.0 draws
 * from Math.random and can't be repeated.
 * Liu, Ting, Zhou: Isolation Forest (ICDM 2008), algorithms 1 to 3; like scikit-learn's, a split never takes a feature
 * that is constant in its node.
 */
export const isolationForest: ReferenceDetector<'isolation-forest'> = { name: 'isolation-forest', fit };

function fit(points: Float64Array, width: number, seed: number): FittedDetector {
  const random = seededRandom(seed);
  const rowsPerTree = Math.min(ROWS_PER_TREE, points.length / width);
  const trees = Array.from({ length: TREES }, () =>
    grow(sampleRows(points, width, rowsPerTree, random), width, random),
  );
  const usual = expectedDepth(rowsPerTree);
  return {
    score(queries) {
      const scores = new Float64Array(queries.length / width);
      for (let i = 0; i < scores.length; i++) {
        let depths = 0;
        for (const tree of trees) depths += depthOf(tree, queries, i * width);
        scores[i] = 2 ** (-depths / (TREES * usual));
      }
      return scores;
    },
  };
}

/** The mean depth of an unsuccessful search in a binary search tree of `rows` (equation 1). */
function expectedDepth(rows: number): number {
  if (rows < 2) return 0;
  return rows === 2 ? 1 : 2 * (Math.log(rows - 1) + EULER) - (2 * (rows - 1)) / rows;
}

function grow(rows: Float64Array, width: number, random: Random): Tree {
  const tree: Tree = { feature: [], threshold: [], left: [], right: [] };
  const order = Uint32Array.from({ length: rows.length / width }, (_, i) => i * width);
  const deepest = Math.ceil(Math.log2(order.length));
  const low = new Float64Array(width);
  const high = new Float64Array(width);

  const addNode = (own: Uint32Array, depth: number): number => {
    const node = tree.feature.push(-1) - 1;
    tree.threshold[node] = expectedDepth(own.length);
    tree.left[node] = tree.right[node] = -1;
    if (depth >= deepest || own.length < 2) return node;
    const feature = varyingFeature(own);
    if (feature < 0) return node;
    const [from, to] = [low[feature] as number, high[feature] as number];
    // Rounding must not reach the largest value: then nothing would be split off.
    const drawn = from + random() * (to - from);
    const threshold = drawn < to ? drawn : from;
    tree.feature[node] = feature;
    tree.threshold[node] = threshold;
    tree.left[node] = addNode(
      own.filter((row) => (rows[row + feature] as number) <= threshold),
      depth + 1,
    );
    tree.right[node] = addNode(
      own.filter((row) => (rows[row + feature] as number) > threshold),
      depth + 1,
    );
    return node;
  };

  /** A random feature that is not the same in all rows, or -1; leaves its range in `low` and `high`. */
  const varyingFeature = (own: Uint32Array): number => {
    low.fill(Number.POSITIVE_INFINITY);
    high.fill(Number.NEGATIVE_INFINITY);
    for (const row of own) {
      for (let i = 0; i < width; i++) {
        const value = rows[row + i] as number;
        if (value < (low[i] as number)) low[i] = value;
        if (value > (high[i] as number)) high[i] = value;
      }
    }
    let varying = 0;
    for (let i = 0; i < width; i++) if ((low[i] as number) < (high[i] as number)) varying++;
    let chosen = Math.floor(random() * varying);
    for (let i = 0; i < width; i++) if ((low[i] as number) < (high[i] as number) && chosen-- === 0) return i;
    return -1;
  };

  addNode(order, 0);
  return tree;
}

function depthOf({ feature, threshold, left, right }: Tree, queries: Float64Array, offset: number): number {
  let [node, depth] = [0, 0];
  for (; (feature[node] as number) >= 0; depth++) {
    const value = queries[offset + (feature[node] as number)] as number;
    node = (value <= (threshold[node] as number) ? left[node] : right[node]) as number;
  }
  return depth + (threshold[node] as number);
}
