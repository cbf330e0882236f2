/** Sliding windows of login attempts, for each user name and for each source. */
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import type { AuthWindow } from '../../contract/auth-window.ts';
import { MAX_SOURCES } from '../../contract/network-window.ts';
import type { Attempt } from './attempts.ts';
import type { PublicName } from './name-privacy.ts';
import { isPrivileged } from './privileged-names.ts';
import { SlidingCounts } from './sliding-counts.ts';

export interface AuthWindowOptions {
  readonly host: string;
  readonly group: string;
  /** Length of the window; attempts are forgotten once they are older. */
  readonly duration_s: number;
  /** How often windows are told while attempts come. */
  readonly step_s: number;
  readonly publicName: (name: string) => PublicName;
}

/** User names, and sources, that are remembered; the longest silent are forgotten. */
const MOST_KEYS = 4096;
/** Windows of one step: those with the most failures. */
const MOST_WINDOWS = 200;
/** A window of one attempt has no length; the contract asks for one. */
const SHORTEST_S = 1;

/** So many reversed attempts in a row: it was the time before them that was wrong, not theirs. */
const REVERSED_TO_BEGIN_ANEW = 8;

/** Ways in which something is lost here, each counted. */
export interface AuthLosses {
  /** User names or sources forgotten before their time, for newer ones or because the clock of the log had been ahead. */
  auth_key_evicted: number;
  /** Attempts counted without their other side (source of a user, user of a source), beyond 64 of a key in a step. */
  auth_other_side_dropped: number;
  /** Windows of a step beyond the 200 with the most failures. */
  auth_window_thinned: number;
  /** Attempts dated before one that was read earlier, by more than a window: counted as of now. */
  time_reversed: number;
}

type Kind = 'user' | 'source';

export class AuthWindows {
  readonly #options: AuthWindowOptions;
  readonly #counts: Record<Kind, Map<string, SlidingCounts>> = { user: new Map(), source: new Map() };
  #step = Number.NEGATIVE_INFINITY;
  #newest_ms = Number.NEGATIVE_INFINITY;
  #reversedInARow = 0;
  readonly losses: AuthLosses = {
    auth_key_evicted: 0,
    auth_other_side_dropped: 0,
    auth_window_thinned: 0,
    time_reversed: 0,
  };

  constructor(options: AuthWindowOptions) {
    this.#options = options;
  }

  /** @returns the windows of the step before, once the attempt is in a later one */
  add(attempt: Attempt): AuthWindow[] {
    const told = this.advance(attempt.time_ms);
    const at_ms = this.#clamped(attempt.time_ms);
    if (attempt.username !== undefined) this.#count('user', attempt.username, attempt, at_ms);
    if (attempt.source !== undefined) this.#count('source', attempt.source, attempt, at_ms);
    return told;
  }

  /** @param now_ms by the clock of the log @returns the windows of the step before, where one has ended */
  advance(now_ms: number): AuthWindow[] {
    const step = this.#stepOf(now_ms);
    if (step <= this.#step) return [];
    const told = this.#tell();
    this.#step = step;
    return told;
  }

  /** The windows of one user name and of one source, as they stand. */
  of(username: string | undefined, source: string | undefined): AuthWindow[] {
    const keys = [['user', username] as const, ['source', source] as const];
    return keys.flatMap(([kind, key]) => {
      const counts = key === undefined ? undefined : this.#counts[kind].get(key);
      return key === undefined || !counts ? [] : [this.#windowOf(kind, key, counts)];
    });
  }

  /** The windows of the step that has not ended. */
  finish(): AuthWindow[] {
    return this.#tell();
  }

  /** A log that goes back by a little is out of order; by more, its clock was set. */
  #clamped(time_ms: number): number {
    if (time_ms < this.#newest_ms - this.#options.duration_s * 1000) {
      this.losses.time_reversed++;
      this.#reversedInARow++;
      if (this.#reversedInARow < REVERSED_TO_BEGIN_ANEW) return this.#newest_ms;
      this.#beginAnew(time_ms);
    }
    this.#reversedInARow = 0;
    this.#newest_ms = Math.max(this.#newest_ms, time_ms);
    return time_ms;
  }

  /** One line of a clock that was ahead would else hold back all windows until its time comes. */
  #beginAnew(time_ms: number): void {
    for (const counts of Object.values(this.#counts)) {
      this.losses.auth_key_evicted += counts.size;
      counts.clear();
    }
    this.#newest_ms = time_ms;
    this.#step = this.#stepOf(time_ms);
  }

  readonly #stepOf = (time_ms: number): number => Math.floor(time_ms / (this.#options.step_s * 1000));

  #count(kind: Kind, key: string, attempt: Attempt, at_ms: number): void {
    const counts = this.#counts[kind];
    const known = counts.get(key) ?? new SlidingCounts(this.#options.duration_s * 1000, this.#options.step_s * 1000);
    counts.delete(key);
    counts.set(key, known);
    const whole = known.add(attempt, kind === 'user' ? attempt.source : attempt.username, at_ms);
    if (!whole) this.losses.auth_other_side_dropped++;
    if (counts.size <= MOST_KEYS) return;
    const [oldest] = counts.keys();
    if (oldest !== undefined) counts.delete(oldest);
    this.losses.auth_key_evicted++;
  }

  #tell(): AuthWindow[] {
    const windows: AuthWindow[] = [];
    for (const kind of ['user', 'source'] as const)
      for (const [key, counts] of this.#counts[kind]) {
        if (counts.isEmptyAt(this.#newest_ms)) this.#counts[kind].delete(key);
        else if (counts.takeChanged()) windows.push(this.#windowOf(kind, key, counts));
      }
    if (windows.length <= MOST_WINDOWS) return windows;
    this.losses.auth_window_thinned += windows.length - MOST_WINDOWS;
    return windows
      .sort((one, other) => (other.failed_attempts ?? 0) - (one.failed_attempts ?? 0))
      .slice(0, MOST_WINDOWS);
  }

  #windowOf(kind: Kind, key: string, counts: SlidingCounts): AuthWindow {
    const { host, group, duration_s, publicName } = this.#options;
    const { since_ms, total, failed, succeeded, others, failedBy, privileged } = counts.at(this.#newest_ms);
    const name = kind === 'user' ? publicName(key) : null;
    // From the first attempt that counts: whoever is paged wants to know when it began, not when ten minutes did.
    const start_ms = Math.max(since_ms, this.#newest_ms - duration_s * 1000);
    const id = createHash('sha256')
      .update(`${kind}\n${name?.username ?? key}`)
      .digest('hex')
      .slice(0, 16);
    return {
      id: `auth:${host}:${kind}:${id}:${this.#newest_ms}`,
      host,
      group,
      start: new Date(start_ms).toISOString(),
      duration_s: Math.max(SHORTEST_S, (this.#newest_ms - start_ms) / 1000),
      total_attempts: total,
      failed_attempts: failed,
      successful_attempts: succeeded,
      ...(name && {
        ...name,
        unique_source_ips: others.size,
        privilege_level: privileged || isPrivileged(key) ? 1 : 0,
      }),
      ...(!name && { unique_source_ips: 1, unique_usernames: others.size }),
      sources: sourcesOf(name ? failedBy : new Map([[key, failed]])),
    };
  }
}

/** Addresses by their failed attempts, which stand for packets. */
function sourcesOf(failedBy: ReadonlyMap<string, number>): NonNullable<AuthWindow['sources']> {
  return [...failedBy]
    .filter(([source, failed]) => isIP(source) !== 0 && failed > 0)
    .sort(([, one], [, other]) => other - one)
    .slice(0, MAX_SOURCES)
    .map(([ip, packets]) => ({ ip, packets, bytes: 0 }));
}
