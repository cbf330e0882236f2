/** How often one thing is told of, and when it is taken for over. */

/** `incident.updated` is told at most this often for one incident or campaign. */
export const UPDATE_EVERY_MS = 60_000;

export interface Pace {
  /** Without an alert for so long, an incident is over. */
  readonly quietMs: number;
  /** An attack that comes back within this time goes on in the same incident. */
  readonly reopenMs: number;
  /** Incidents that are over are kept so long. */
  readonly retentionMs: number;
}

/** Each return doubles the quiet that ends an incident, so that an attack in bursts is not told at every burst. */
export function quietAfter(reopened: number, { quietMs, reopenMs }: Pace): number {
  return Math.min(quietMs * 2 ** reopened, Math.max(quietMs, reopenMs));
}
