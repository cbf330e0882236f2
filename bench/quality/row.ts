/** A row of the quality table: one detector on one set, beside what it must reach. */

export interface QualityRow {
  readonly set: string;
  readonly detector: string;
  /** A trivial baseline, a peer as published or measured elsewhere, or Vigía's own. */
  readonly kind: 'baseline' | 'peer' | 'vigia';
  /** Such as `{auroc: 0.981, 'tpr@fpr1%': 0.62}`; rounded only when printed. */
  readonly figures: Readonly<Record<string, number>>;
  /** What each figure must be, as a lowest or a highest value. */
  readonly reach?: Readonly<Record<string, { readonly least?: number; readonly most?: number }>>;
  /** Where a figure of a peer was published, or what the set left out. */
  readonly note?: string;
}

/** A set of data with the detectors that are measured on it. */
export interface QualitySet {
  readonly name: string;
  /** Folder below `../shared/data` that it reads; null where it makes its data itself. */
  readonly folder: string | null;
  /** The rows in the order in which they are printed. */
  measure(dataFolder: string): Promise<QualityRow[]>;
}

/** The figures of a row that miss what they must reach, in words; empty where all are met. */
export function misses({ figures, reach = {} }: QualityRow): string[] {
  return Object.entries(reach).flatMap(([name, { least, most }]) => {
    const value = figures[name] ?? Number.NaN;
    if (least !== undefined && !(value >= least)) return `${name} ${value.toFixed(3)} < ${least}`;
    if (most !== undefined && !(value <= most)) return `${name} ${value.toFixed(3)} > ${most}`;
    return [];
  });
}
