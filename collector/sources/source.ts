/** What every source of windows is, whatever it reads: an interface through eBPF, a capture, a log of logins, or a file of windows. */
import type { AuthWindow } from '../../contract/auth-window.ts';
import type { NetworkWindow } from '../../contract/network-window.ts';
import type { Traffic } from '../metrics/traffic.ts';

/** Names of the ways in which a source can lose or refuse data; each is a counter on `/metrics` and in the closing line. */
export const LOSS_REASONS = [
  'parse_error',
  'truncated_frame',
  'source_not_tracked',
  'source_not_remembered',
  'port_not_remembered',
  'port_not_counted',
  'conversation_evicted',
  'flow_evicted',
  'time_reversed',
  'invalid_window',
  'window_read_failed',
  'interface_not_watched',
  'line_too_long',
  'log_truncated',
  'rotated_log_unread',
  'accounts_not_read',
  'auth_connection_evicted',
  'auth_key_evicted',
  'auth_other_side_dropped',
  'auth_window_thinned',
] as const;

export type LossReason = (typeof LOSS_REASONS)[number];

/** How often each happened; a reason without loss may be absent. */
export type Losses = Readonly<Partial<Record<LossReason, number>>>;

export function sumOfLosses(one: Losses, other: Losses): Losses {
  const reasons = LOSS_REASONS.filter((reason) => one[reason] !== undefined || other[reason] !== undefined);
  return Object.fromEntries(reasons.map((reason) => [reason, (one[reason] ?? 0) + (other[reason] ?? 0)]));
}

/** What a source yields. */
export type CollectedWindow = NetworkWindow | AuthWindow;

export interface WindowSource<Yielded extends CollectedWindow = NetworkWindow> {
  /** As given on the command line, such as `ebpf:eth0`. */
  readonly spec: string;
  /**
   * Yields windows in order until the input ends or `stop` aborts; then the last, partial window, and returns.
   * @throws SourceError with what failed, on what, and what to do
   */
  windows(stop: AbortSignal): AsyncGenerator<Yielded, void, void>;
  /** Losses so far. */
  losses(): Losses;
  /** What each of its interfaces has seen so far; only of sources that count in the kernel. */
  traffic?(): readonly Traffic[];
}

/** Tells the operator what ends nothing: the name of the event, and its facts. */
export type Tell = (event: string, facts: Readonly<Record<string, unknown>>) => void;

/** A source that cannot start or go on. */
export class SourceError extends Error {
  override readonly name = 'SourceError';
  readonly spec: string;
  /** What failed. */
  readonly what: string;
  /** What the operator can do about it. */
  readonly remedy: string;

  constructor(spec: string, what: string, remedy: string, options?: ErrorOptions) {
    super(`${spec}: ${what}. ${remedy}`, options);
    this.spec = spec;
    this.what = what;
    this.remedy = remedy;
  }
}
