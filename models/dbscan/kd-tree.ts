/** A k-d tree over rows: how many lie within a radius, those of them not taken before, and the k nearest, exactly. */

/** Rows in a leaf: below this a scan beats descending. */
const LEAF_SIZE = 16;

/** The nearest rows, nearest first, and their distances; as many as its arrays are long, and overwritten by each search. */
export interface Nearest {
  readonly rows: Uint32Array;
  /** Infinity where there are fewer rows than asked for. */
  readonly distances: Float64Array;
}

interface Node {
  /** Its places in the order of the tree. */
  readonly from: number;
  readonly to: number;
  /** The box around its rows. */
  readonly low: Float64Array;
  readonly high: Float64Array;
  readonly left: Node | null;
  readonly right: Node | null;
  /** Rows that were not taken yet. */
  open: number;
}

/** Bentley: Multidimensional binary search trees (CACM 18, 1975), split at the median of the widest dimension. */
export class KdTree {
  readonly #width: number;
  /** Row at each place of the tree, and the rows' values in that order, so that a leaf lies in one piece of memory. */
  readonly #order: Uint32Array;
  readonly #values: Float64Array;
  readonly #taken: Uint8Array;
  readonly #rows: Float64Array;
  readonly #root: Node | null;

  /** @param rows row-major, n x width */
  constructor(rows: Float64Array, width: number) {
    this.#rows = rows;
    this.#width = width;
    this.#order = Uint32Array.from({ length: rows.length / width }, (_, i) => i);
    this.#root = this.#order.length === 0 ? null : this.#build(0, this.#order.length);
    this.#values = new Float64Array(rows.length);
    for (const [place, row] of this.#order.entries()) this.#values.set(this.#row(row), place * width);
    this.#taken = new Uint8Array(this.#order.length);
  }

  /** How many rows lie within `radius` of row `index`, itself among them; counts no further than `enough`. */
  countWithin(index: number, radius: number, enough: number): number {
    return this.#root ? this.#count(this.#root, this.#row(index), radius * radius, enough) : 0;
  }

  /**
   * Calls `take` with every row within `radius` of row `index` that was not taken before; none comes twice in the life of the
   * tree. Parts of which all was taken cost nothing, so that taking everything costs the less the denser the rows are.
   */
  takeWithin(index: number, radius: number, take: (row: number) => void): void {
    if (this.#root) this.#take(this.#root, this.#row(index), radius * radius, take);
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

  #row(index: number): Float64Array {
    return this.#rows.subarray(index * this.#width, (index + 1) * this.#width);
  }

  #squaredDistance(point: Float64Array, place: number): number {
    let sum = 0;
    const from = place * this.#width;
    for (let i = 0; i < this.#width; i++) {
      const difference = (point[i] as number) - (this.#values[from + i] as number);
      sum += difference * difference;
    }
    return sum;
  }

  #build(from: number, to: number): Node {
    const { low, high, widest } = this.#box(from, to);
    const open = to - from;
    // Rows that are all alike cannot be split.
    if (open <= LEAF_SIZE || low[widest] === high[widest])
      return { from, to, low, high, left: null, right: null, open };
    const value = (row: number): number => this.#rows[row * this.#width + widest] as number;
    this.#order.subarray(from, to).sort((a, b) => value(a) - value(b) || a - b);
    const middle = from + (open >>> 1);
    return { from, to, low, high, left: this.#build(from, middle), right: this.#build(middle, to), open };
  }

  #box(from: number, to: number): { low: Float64Array; high: Float64Array; widest: number } {
    const low = new Float64Array(this.#width).fill(Number.POSITIVE_INFINITY);
    const high = new Float64Array(this.#width).fill(Number.NEGATIVE_INFINITY);
    for (let place = from; place < to; place++) {
      const row = (this.#order[place] as number) * this.#width;
      for (let i = 0; i < this.#width; i++) {
        const value = this.#rows[row + i] as number;
        if (value < (low[i] as number)) low[i] = value;
        if (value > (high[i] as number)) high[i] = value;
      }
    }
    let widest = 0;
    for (let i = 1; i < this.#width; i++)
      if ((high[i] as number) - (low[i] as number) > (high[widest] as number) - (low[widest] as number)) widest = i;
    return { low, high, widest };
  }

  #count(node: Node, point: Float64Array, squared: number, enough: number): number {
    if (nearestInBox(node, point) > squared) return 0;
    if (furthestInBox(node, point) <= squared) return node.to - node.from;
    let count = 0;
    if (node.left && node.right) {
      count = this.#count(node.left, point, squared, enough);
      return count >= enough ? count : count + this.#count(node.right, point, squared, enough - count);
    }
    for (let place = node.from; place < node.to && count < enough; place++)
      if (this.#squaredDistance(point, place) <= squared) count++;
    return count;
  }

  /** @returns how many were taken */
  #take(node: Node, point: Float64Array, squared: number, take: (row: number) => void): number {
    if (node.open === 0 || nearestInBox(node, point) > squared) return 0;
    let taken = 0;
    if (node.left && node.right) {
      taken = this.#take(node.left, point, squared, take) + this.#take(node.right, point, squared, take);
    } else {
      for (let place = node.from; place < node.to; place++) {
        if (this.#taken[place] || this.#squaredDistance(point, place) > squared) continue;
        this.#taken[place] = 1;
        taken++;
        take(this.#order[place] as number);
      }
    }
    node.open -= taken;
    return taken;
  }

  /** `found.distances` holds the smallest squared distances so far, ascending. */
  #nearest(node: Node, point: Float64Array, found: Nearest, without: number): void {
    if (!node.left || !node.right) {
      for (let place = node.from; place < node.to; place++) {
        const row = this.#order[place] as number;
        if (row !== without) insert(found, row, this.#squaredDistance(point, place));
      }
      return;
    }
    const [left, right] = [nearestInBox(node.left, point), nearestInBox(node.right, point)];
    const worst = (): number => found.distances[found.distances.length - 1] as number;
    const [near, far] = left <= right ? [node.left, node.right] : [node.right, node.left];
    if (Math.min(left, right) <= worst()) this.#nearest(near, point, found, without);
    if (Math.max(left, right) <= worst()) this.#nearest(far, point, found, without);
  }
}

/** Squared distance from a point to the nearest place of a node's box; 0 within it. */
function nearestInBox({ low, high }: Node, point: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < point.length; i++) {
    const value = point[i] as number;
    const outside = Math.max((low[i] as number) - value, value - (high[i] as number), 0);
    sum += outside * outside;
  }
  return sum;
}

function furthestInBox({ low, high }: Node, point: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < point.length; i++) {
    const value = point[i] as number;
    sum += Math.max(value - (low[i] as number), (high[i] as number) - value) ** 2;
  }
  return sum;
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
