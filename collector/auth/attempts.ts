/** Makes attempts of what single lines say: a refused login leaves up to five lines, and is one failure. */
import { isIP } from 'node:net';
import type { AuthEvent } from './event.ts';

/** A login that ended one way or the other. */
export interface Attempt {
  readonly time_ms: number;
  readonly outcome: 'failure' | 'success';
  readonly username?: string;
  readonly source?: string;
  readonly invalid_user: boolean;
  readonly privileged: boolean;
  readonly attempts: number;
}

/** Connections that are open at once; sshd itself stops at far fewer. */
const MOST_CONNECTIONS = 4096;
/** A connection without a line for so long has ended unseen. */
const IDLE_MS = 120_000;

interface Connection {
  lastLine_ms: number;
  source: string | undefined;
  /** Hints by user name that no line has told the outcome of. */
  readonly hinted: Map<string, { readonly event: AuthEvent; readonly time_ms: number }>;
  /** Users whose failures were told. */
  readonly failed: Set<string>;
  /** Failures by who told them, where several tell the same. */
  readonly toldBy: Map<string, number>;
}

/** Users of one connection that are told apart; what is hinted of more counts at once. */
const MOST_USERS = 64;

export class Attempts {
  /** The longest silent first. */
  readonly #connections = new Map<string, Connection>();
  #evicted = 0;

  /** Connections that made room for newer ones; what they hinted at was counted. */
  get evicted(): number {
    return this.#evicted;
  }

  /** @returns the attempts that the line brings to light, also earlier ones */
  push(event: AuthEvent, time_ms: number): Attempt[] {
    const { connection: key } = event;
    if (key === undefined) return isTold(event) || event.kind === 'hint' ? [attemptOf(event, time_ms)] : [];
    const expired = this.expire(time_ms);
    if (event.kind === 'begin' || this.#isOther(key, time_ms)) expired.push(...this.#end(key));
    const connection = this.#touch(key, time_ms);
    // sshd looks names up for PAM, and logs the address beside.
    if (event.source !== undefined && (connection.source === undefined || isIP(event.source)))
      connection.source = event.source;
    const brought = this.#take(connection, event, time_ms);
    const over =
      event.kind === 'success' || event.kind === 'end' || (event.kind === 'failure' && event.closes === true);
    if (over || (event.closes && connection.source !== undefined)) brought.push(...flush(connection));
    if (over) this.#connections.delete(key);
    return [...expired, ...brought, ...this.#makeRoom()];
  }

  /** What silent connections hinted at. @param now_ms by the clock of the log */
  expire(now_ms: number): Attempt[] {
    const attempts: Attempt[] = [];
    for (const [key, connection] of this.#connections) {
      if (now_ms - connection.lastLine_ms < IDLE_MS) break;
      attempts.push(...flush(connection));
      this.#connections.delete(key);
    }
    return attempts;
  }

  /** What all connections hinted at, at the end of the log. */
  finish(): Attempt[] {
    return this.expire(Number.POSITIVE_INFINITY);
  }

  #take(connection: Connection, event: AuthEvent, time_ms: number): Attempt[] {
    const user = event.username ?? '';
    if (isTold(event)) {
      connection.hinted.delete(user);
      connection.hinted.delete('');
      if (event.kind === 'failure' && connection.failed.size < MOST_USERS) connection.failed.add(user);
      const attempts = event.kind === 'failure' ? untold(connection, event) : event.attempts;
      if (attempts === 0) return [];
      return [attemptOf({ ...event, attempts, ...(connection.source && { source: connection.source }) }, time_ms)];
    }
    const isKnown = connection.failed.has(user) || (user === '' && connection.failed.size + connection.hinted.size > 0);
    if (event.kind !== 'hint' || isKnown) return [];
    if (connection.hinted.size >= MOST_USERS && !connection.hinted.has(user)) return [attemptOf(event, time_ms)];
    connection.hinted.set(user, { event: { ...connection.hinted.get(user)?.event, ...event }, time_ms });
    return [];
  }

  /** Lines under the same name, but too far apart, in either direction: the clock was set, or logs were put together. */
  #isOther(key: string, time_ms: number): boolean {
    const known = this.#connections.get(key);
    return known !== undefined && Math.abs(known.lastLine_ms - time_ms) >= IDLE_MS;
  }

  /** The process number has a new owner. */
  #end(key: string): Attempt[] {
    const connection = this.#connections.get(key);
    this.#connections.delete(key);
    return connection ? flush(connection) : [];
  }

  #touch(key: string, time_ms: number): Connection {
    const connection = this.#connections.get(key) ?? {
      lastLine_ms: time_ms,
      source: undefined,
      hinted: new Map(),
      failed: new Set(),
      toldBy: new Map(),
    };
    connection.lastLine_ms = Math.max(connection.lastLine_ms, time_ms);
    this.#connections.delete(key);
    this.#connections.set(key, connection);
    return connection;
  }

  #makeRoom(): Attempt[] {
    if (this.#connections.size <= MOST_CONNECTIONS) return [];
    const [oldest] = this.#connections;
    if (!oldest) return [];
    this.#connections.delete(oldest[0]);
    this.#evicted++;
    return flush(oldest[1]);
  }
}

/** How many of the failures no other teller has told before. */
function untold({ toldBy }: Connection, { teller, attempts }: AuthEvent): number {
  if (teller === undefined) return attempts;
  const before = Math.max(0, ...toldBy.values());
  const told = (toldBy.get(teller) ?? 0) + attempts;
  toldBy.set(teller, told);
  return Math.max(0, told - before);
}

const isTold = ({ kind }: AuthEvent): boolean => kind === 'failure' || kind === 'success';

/** Nobody told the outcome: it failed. */
function flush({ hinted, source, failed }: Connection): Attempt[] {
  const attempts = [...hinted.values()].map(({ event, time_ms }) =>
    attemptOf({ ...event, kind: 'failure', ...(source !== undefined && { source }) }, time_ms),
  );
  for (const user of hinted.keys()) failed.add(user);
  hinted.clear();
  return attempts;
}

function attemptOf(
  { kind, username, source, invalid_user, privileged, attempts }: AuthEvent,
  time_ms: number,
): Attempt {
  return {
    time_ms,
    outcome: kind === 'success' ? 'success' : 'failure',
    ...(username !== undefined && { username }),
    ...(source !== undefined && { source }),
    invalid_user: invalid_user === true,
    privileged: privileged === true,
    attempts,
  };
}
