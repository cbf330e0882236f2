/** How the webhooks of a group do. */

/**
 * `delivered`, `failed` (tried again later) and `dead` are what became of attempts, or of messages that were given up without one;
 * the others are what a bound or a deletion took away.
 */
export const OUTCOMES = ['delivered', 'failed', 'dead', 'dropped_full', 'dropped_expired', 'dropped_deleted'] as const;
export type Outcome = (typeof OUTCOMES)[number];
export type Counts = Readonly<Record<Outcome, number>>;

export const NOTHING_COUNTED: Counts = {
  delivered: 0,
  failed: 0,
  dead: 0,
  dropped_full: 0,
  dropped_expired: 0,
  dropped_deleted: 0,
};

/** What an endpoint has of a group. */
export interface Queued {
  readonly endpoint: string;
  readonly group: string;
  readonly waiting: number;
  readonly dead: number;
}

export interface WebhookFigures {
  /** Deliveries that wait, and dead letters. */
  readonly pending: number;
  readonly dead: number;
  readonly counts: Counts;
}

const NO_FIGURES: WebhookFigures = { pending: 0, dead: 0, counts: NOTHING_COUNTED };

/** A group may be called `constructor`. */
export const figuresOf = (all: Readonly<Record<string, WebhookFigures>>, group: string): WebhookFigures =>
  (Object.hasOwn(all, group) ? all[group] : undefined) ?? NO_FIGURES;

/** By group; '' is what belongs to none. */
export function figuresByGroup(
  queued: readonly Queued[],
  counted: ReadonlyMap<string, Counts>,
): Record<string, WebhookFigures> {
  const groups = new Set([...counted.keys(), ...queued.map(({ group }) => group)]);
  const figuresOf = (group: string): WebhookFigures => {
    const own = queued.filter((count) => count.group === group);
    return {
      pending: own.reduce((sum, { waiting }) => sum + waiting, 0),
      dead: own.reduce((sum, { dead }) => sum + dead, 0),
      counts: counted.get(group) ?? NOTHING_COUNTED,
    };
  };
  return Object.fromEntries([...groups].map((group) => [group, figuresOf(group)]));
}
