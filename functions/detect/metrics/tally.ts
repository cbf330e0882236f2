/** What one isolate has counted since it last told the Metrics object; all of it adds up with what others counted. */
import { type Labels, type Series, seriesOf } from './exposition.ts';
import { FAMILIES, type HistogramName, type MetricName } from './families.ts';

/** Groups, and the deployment as one more, that have series of their own; what more groups count stands under OTHER_GROUPS. */
export const MAX_SCOPES = 200;
/** No group can be called so. */
export const OTHER_GROUPS = '_other';
/** The scope of what belongs to no group. */
export const DEPLOYMENT = '';

/** Of each scope (a group, or DEPLOYMENT): counts to add, and values that replace the one before. */
export type Counts = Record<string, { add: Record<Series, number>; set: Record<Series, number> }>;

/** The scope that a group counts under, where `known` have series already. */
export function scopeOf(scope: string, known: { has(scope: string): boolean; readonly size: number }): string {
  return scope === DEPLOYMENT || known.has(scope) || known.size < MAX_SCOPES ? scope : OTHER_GROUPS;
}

interface Scope {
  readonly add: Map<Series, number>;
  readonly set: Map<Series, number>;
}

interface Histogram {
  /** One count for each bucket, and one for what is above all. */
  readonly counts: number[];
  sum: number;
}

export class Tally {
  #scopes = new Map<string, Scope>();
  #histograms = new Map<HistogramName, Histogram>();

  /** @param group whose count it is; DEPLOYMENT: nobody's */
  add(group: string, name: MetricName, labels: Labels = {}, by = 1): void {
    const { add } = this.#scope(group);
    const series = seriesOf(name, labels);
    add.set(series, (add.get(series) ?? 0) + by);
  }

  set(group: string, name: MetricName, labels: Labels, value: number): void {
    this.#scope(group).set.set(seriesOf(name, labels), value);
  }

  observe(name: HistogramName, value: number): void {
    const { buckets } = FAMILIES[name];
    let histogram = this.#histograms.get(name);
    if (histogram === undefined) {
      histogram = { counts: new Array<number>(buckets.length + 1).fill(0), sum: 0 };
      this.#histograms.set(name, histogram);
    }
    let bucket = 0;
    while (bucket < buckets.length && value > (buckets[bucket] ?? 0)) bucket++;
    histogram.counts[bucket] = (histogram.counts[bucket] ?? 0) + 1;
    histogram.sum += value;
  }

  /** All that gathered, which the tally then forgets; null where nothing did. */
  take(): Counts | null {
    for (const [name, histogram] of this.#histograms) this.#addBuckets(name, histogram);
    if (this.#scopes.size === 0) return null;
    const taken = [...this.#scopes].map(
      ([scope, { add, set }]) => [scope, { add: Object.fromEntries(add), set: Object.fromEntries(set) }] as const,
    );
    this.#scopes = new Map();
    this.#histograms = new Map();
    return Object.fromEntries(taken);
  }

  /** As the text has it: each bucket holds all that is no greater than its bound. */
  #addBuckets(name: HistogramName, { counts, sum }: Histogram): void {
    const { add } = this.#scope(DEPLOYMENT);
    let below = 0;
    for (const [i, bound] of [...FAMILIES[name].buckets, '+Inf'].entries()) {
      below += counts[i] ?? 0;
      add.set(seriesOf(`${name}_bucket`, { le: bound }), below);
    }
    add.set(`${name}_sum`, sum);
    add.set(`${name}_count`, below);
  }

  #scope(group: string): Scope {
    const name = scopeOf(group, this.#scopes);
    let scope = this.#scopes.get(name);
    if (scope === undefined) {
      scope = { add: new Map(), set: new Map() };
      this.#scopes.set(name, scope);
    }
    return scope;
  }
}
