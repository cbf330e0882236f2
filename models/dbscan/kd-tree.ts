/** A k-d tree over rows: all neighbours within a radius, and the distance to the k-th nearest, exactly. */

/** Rows in a leaf: below this a scan beats descending. */
const LEAF_SIZE = 16;

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
    if (this.#root) this.#search(this.#root, index, radius, radius * radius, found);
  }

  /** Distance from row `index` to its k-th nearest other row; Infinity where there are fewer. */
  nearestDistance(index: number, k: number): number {
    const nearest = new Float64Array(k).fill(Number.POSITIVE_INFINITY);
    if (this.#root) this.#nearest(this.#root, index, nearest);
    return Math.sqrt(nearest[k - 1] as number);
  }

  #value(row: number, dimension: number): number {
    return this.#rows[row * this.#width + dimension] as number;
  }

  #squaredDistance(a: number, b: number): number {
    let sum = 0;
    const [from, other] = [a * this.#width, b * this.#width];
    for (let i = 0; i < this.#width; i++) {
      const difference = (this.#rows[from + i] as number) - (this.#rows[other + i] as number);
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

  #search(node: Node, index: number, radius: number, squared: number, found: number[]): void {
    if (!node.left || !node.right) {
      for (let i = node.from; i < node.to; i++) {
        const row = this.#order[i] as number;
        if (this.#squaredDistance(index, row) <= squared) found.push(row);
      }
      return;
    }
    const offset = this.#value(index, node.dimension) - node.split;
    if (offset <= radius) this.#search(node.left, index, radius, squared, found);
    if (-offset <= radius) this.#search(node.right, index, radius, squared, found);
  }

  /** `nearest` holds the smallest squared distances so far, ascending. */
  #nearest(node: Node, index: number, nearest: Float64Array): void {
    if (!node.left || !node.right) {
      for (let i = node.from; i < node.to; i++) {
        const row = this.#order[i] as number;
        if (row !== index) insert(nearest, this.#squaredDistance(index, row));
      }
      return;
    }
    const offset = this.#value(index, node.dimension) - node.split;
    const [near, far] = offset < 0 ? [node.left, node.right] : [node.right, node.left];
    this.#nearest(near, index, nearest);
    if (offset * offset <= (nearest.at(-1) as number)) this.#nearest(far, index, nearest);
  }
}

function insert(ascending: Float64Array, value: number): void {
  let i = ascending.length - 1;
  if (value >= (ascending[i] as number)) return;
  for (; i > 0 && (ascending[i - 1] as number) > value; i--) ascending[i] = ascending[i - 1] as number;
  ascending[i] = value;
}
