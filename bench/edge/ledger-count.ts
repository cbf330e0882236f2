/** The ledger of a run: every window that was made, what became of it, and under which fault it was made. */

export const PHASES = ['none', 'storage down', 'receiver down', 'model swapped', 'workerd killed'] as const;
export type Phase = (typeof PHASES)[number];
export type Fault = Exclude<Phase, 'none'>;

/** Of the posts and incidents that began under one fault. */
export interface LedgerLine {
  /** Different ones; a retry is none. */
  posts: number;
  acknowledged: number;
  retries: number;
  /** Refused for good. */
  rejected: number;
  windows: number;
  /** Acknowledged, and not in storage. */
  missing: number;
  /** Windows that stand in storage more than once. */
  twice: number;
  incidents: number;
  /** Incidents that no verified webhook told of. */
  untold: number;
  /** Incidents whose beginning was told under several ids. */
  told_as_several: number;
}

interface Made {
  readonly phase: Phase;
  acknowledged: boolean;
  stored: number;
}

const emptyLine = (): LedgerLine => ({
  posts: 0,
  acknowledged: 0,
  retries: 0,
  rejected: 0,
  windows: 0,
  missing: 0,
  twice: 0,
  incidents: 0,
  untold: 0,
  told_as_several: 0,
});

export class Ledger {
  readonly #lines = new Map<Phase, LedgerLine>(PHASES.map((phase) => [phase, emptyLine()]));
  readonly #windows = new Map<string, Made>();
  /** In storage, and made by nobody. */
  unknown = 0;

  line(phase: Phase): LedgerLine {
    const line = this.#lines.get(phase);
    if (line === undefined) throw new RangeError(`no phase ${phase}`);
    return line;
  }

  posted(ids: readonly string[], phase: Phase): void {
    const line = this.line(phase);
    line.posts++;
    line.windows += ids.length;
    for (const id of ids) this.#windows.set(id, { phase, acknowledged: false, stored: 0 });
  }

  acknowledged(ids: readonly string[], phase: Phase): void {
    this.line(phase).acknowledged++;
    for (const id of ids) {
      const made = this.#windows.get(id);
      if (made !== undefined) made.acknowledged = true;
    }
  }

  /** Every line of storage once; another reading begins anew. */
  read(stored: Iterable<string>): void {
    this.unknown = 0;
    for (const made of this.#windows.values()) made.stored = 0;
    for (const id of stored) {
      const made = this.#windows.get(id);
      if (made === undefined) this.unknown++;
      else made.stored++;
    }
    for (const line of this.#lines.values()) Object.assign(line, { missing: 0, twice: 0 });
    for (const { phase, acknowledged, stored } of this.#windows.values()) {
      const line = this.line(phase);
      if (acknowledged && stored === 0) line.missing++;
      if (stored > 1) line.twice++;
    }
  }

  /** @param ids different ids under which the beginning was told */
  incident(phase: Phase, ids: number): void {
    const line = this.line(phase);
    line.incidents++;
    if (ids === 0) line.untold++;
    if (ids > 1) line.told_as_several++;
  }

  total(): LedgerLine {
    const total = emptyLine();
    for (const line of this.#lines.values())
      for (const key of Object.keys(total) as (keyof LedgerLine)[]) total[key] += line[key];
    return total;
  }

  /** What does not add up; empty where all does. */
  faults(): string[] {
    const { posts, acknowledged, rejected, missing, twice, untold, told_as_several } = this.total();
    const found = {
      'posts never acknowledged': posts - acknowledged - rejected,
      'posts rejected': rejected,
      'windows acknowledged and not stored': missing,
      'windows stored twice': twice,
      'windows stored that nobody made': this.unknown,
      'incidents that nobody was told of': untold,
      'incidents told under several ids': told_as_several,
    };
    return Object.entries(found)
      .filter(([, count]) => count !== 0)
      .map(([what, count]) => `${count} ${what}`);
  }
}
