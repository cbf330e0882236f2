/** A k-d tree over rows: all neighbours within a radius, and the k nearest, exactly. */

/** Rows in a leaf: below this a scan beats descending. */
const LEAF_SIZE = 16;

/** The nearest rows, nearest first, and their distances; as many as its arrays are long, and overwritten by each search. */
export interface Nearest {
  readonly rows: Uint32Array;
  /** Infinity where there are fewer rows than asked for. */
  readonly distances: Float64Array;
}

interface Node {
  readonly from: number;
  readonly to: number;
  readonly dimension: number;
  readonly split: number;
  readonly left: Node | null;
  readonly right: Node | null;
}

/** Bentley: Multidimensional binary search trees (CACM 18, 1975), split at the median of the widest dimension. */
export class KdTree {
  readonly #rows: Float64Array;
  readonly #width: number;
  readonly #order: Uint32Array;
  readonly #root: Node | null;

  /** @param rows row-major, n x width */
  constructor(rows: Float64Array, width: number) {
    this.#rows = rows;
    this.#width = width;
    this.#order = Uint32Array.from({ length: rows.length / width }, (_, i) => i);
    this.#root = this.#order.length === 0 ? null : this.#build(0, this.#order.length);
  }

  /** Appends to `found` the index of every row within `radius` of row `index`, itself among them. */
  within(index: number, radius: number, found: number[]): void {
    if (this.#root) this.#search(this.#root, this.#row(index), radius, radius * radius, found);
  }

  /** Distance from row `index` to its k-th nearest other row; Infinity where there are fewer. */
  nearestDistance(index: number, k: number): number {
    const found = { rows: new Uint32Array(k), distances: new Float64Array(k) };
    this.nearest(this.#row(index), found, index);
    return found.distances[k - 1] as number;
  }

  /**
   * Writes the rows nearest to `point`, which need not be a row itself, into `found`.
   * @param without a row that does not count, as a row among its own neighbours
   */
  nearest(point: Float64Array, found: Nearest, without = -1): void {
    found.distances.fill(Number.POSITIVE_INFINITY);
    if (this.#root) this.#nearest(this.#root, point, found, without);
    for (const [i, squared] of found.distances.entries()) found.distances[i] = Math.sqrt(squared);
  }

  #value(row: number, dimension: number): number {
    return this.#rows[row * this.#width + dimension] as number;
  }

  #row(index: number): Float64Array {
    return this.#rows.subarray(index * this.#width, (index + 1) * this.#width);
  }

  #squaredDistance(point: Float64Array, row: number): number {
    let sum = 0;
    const from = row * this.#width;
    for (let i = 0; i < this.#width; i++) {
      const difference = (point[i] as number) - (this.#rows[from + i] as number);
      sum += difference * difference;
    }
    return sum;
  }

  #build(from: number, to: number): Node {
    const leaf = { from, to, dimension: -1, split: 0, left: null, right: null };
    if (to - from <= LEAF_SIZE) return leaf;
    const dimension = this.#widest(from, to);
    const part = this.#order
      .subarray(from, to)
      .sort((a, b) => this.#value(a, dimension) - this.#value(b, dimension) || a - b);
    const middle = part.length >>> 1;
    const split = this.#value(part[middle] as number, dimension);
    // Rows that are all alike cannot be split.
    if (split === this.#value(part[0] as number, dimension) && split === this.#value(part.at(-1) as number, dimension))
      return leaf;
    return {
      from,
      to,
      dimension,
      split,
      left: this.#build(from, from + middle),
      right: this.#build(from + middle, to),
    };
  }

  #widest(from: number, to: number): number {
    let [widest, best] = [0, -1];
    for (let dimension = 0; dimension < this.#width; dimension++) {
      let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      for (let i = from; i < to; i++) {
        const value = this.#value(this.#order[i] as number, dimension);
        if (value < low) low = value;
        if (value > high) high = value;
      }
      if (high - low > best) [widest, best] = [dimension, high - low];
    }
    return widest;
  }

  #search(node: Node, point: Float64Array, radius: number, squared: number, found: number[]): void {
    if (!node.left || !node.right) {
      for (let i = node.from; i < node.to; i++) {
        const row = this.#order[i] as number;
        if (this.#squaredDistance(point, row) <= squared) found.push(row);
      }
      return;
    }
    const offset = (point[node.dimension] as number) - node.split;
    if (offset <= radius) this.#search(node.left, point, radius, squared, found);
    if (-offset <= radius) this.#search(node.right, point, radius, squared, found);
  }

  /** `found.distances` holds the smallest squared distances so far, ascending. */
  #nearest(node: Node, point: Float64Array, found: Nearest, without: number): void {
    if (!node.left || !node.right) {
      for (let i = node.from; i < node.to; i++) {
        const row = this.#order[i] as number;
        if (row !== without) insert(found, row, this.#squaredDistance(point, row));
      }
      return;
    }
    const offset = (point[node.dimension] as number) - node.split;
    const [near, far] = offset < 0 ? [node.left, node.right] : [node.right, node.left];
    this.#nearest(near, point, found, without);
    if (offset * offset <= (found.distances.at(-1) as number)) this.#nearest(far, point, found, without);
  }
}

function insert({ rows, distances }: Nearest, row: number, squared: number): void {
  let i = distances.length - 1;
  if (squared >= (distances[i] as number)) return;
  for (; i > 0 && (distances[i - 1] as number) > squared; i--) {
    distances[i] = distances[i - 1] as number;
    rows[i] = rows[i - 1] as number;
  }
  distances[i] = squared;
  rows[i] = row;
}
