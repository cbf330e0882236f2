/** What one line of a log says of a login. */

export interface AuthEvent {
  /**
   * `failure` and `success` are attempts that ended; a `hint` is a sign of a failure that mostly comes with a line that tells it
   * (an invalid user, a refusal by PAM); `begin` and `end` are those of the connection; `context` only tells who is on the other side.
   */
  readonly kind: 'failure' | 'success' | 'hint' | 'context' | 'begin' | 'end';
  /** As it was typed; absent where the line names none. */
  readonly username?: string;
  /** Address, or name where only that was logged, of the other side; absent for local logins and where it is not told. */
  readonly source?: string;
  /** The system knows no such account. */
  readonly invalid_user?: boolean;
  /** Attempts that the line stands for. */
  readonly attempts: number;
  /** Lines with the same connection are about the same one; absent where nothing ties them together. */
  readonly connection?: string;
  /**
   * Who tells it, where the same failure is told by several, each in a line of its own (PAM, the daemon's worker, the daemon at the
   * end of the connection): of one connection the largest count counts.
   */
  readonly teller?: string;
  /** The server hangs up: what was hinted at is not going to be told. */
  readonly closes?: boolean;
  /** The login is to an account that may do everything. */
  readonly privileged?: boolean;
}

/** The head of a log line, and what follows it. */
export interface LogLine {
  /** Milliseconds since 1970; null where the line has no time. */
  readonly time_ms: number | null;
  readonly host: string | null;
  /** Such as sshd; empty where the line names none. */
  readonly program: string;
  /** The program as it stands in the line, with whatever is in brackets. */
  readonly tag: string;
  readonly pid: string | null;
  readonly message: string;
}

/** Reads the messages of one kind of program; undefined where the line says nothing of a login. */
export type MessageReader = (line: LogLine) => AuthEvent | undefined;

/** What ties the lines of one process together; another host of the same log may have its number too. */
export function processOf(line: LogLine, program: string): string | undefined {
  if (line.pid === null) return undefined;
  return `${program}[${line.pid}]${line.host === null ? '' : ` of ${line.host}`}`;
}

/** What ties the lines of a daemon together whose processes serve many: the other side. */
export const peerOf = (program: string, source: string | undefined): string | undefined =>
  source === undefined ? undefined : `${program} ${source}`;

/** An address without the IPv4-mapped prefix and the zone; a name as it is. */
export function sourceOf(text: string): string {
  const bare = text.replace(/^\[|\]$/g, '').replace(/%[\w.-]+$/, '');
  return /^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(bare) ? bare.slice('::ffff:'.length) : bare;
}
