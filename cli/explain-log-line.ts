/** How a line of a log of logins was read, and the windows that it is part of. */
import { Attempts } from '../collector/auth/attempts.ts';
import { AuthWindows } from '../collector/auth/auth-windows.ts';
import type { AuthEvent } from '../collector/auth/event.ts';
import type { PublicName } from '../collector/auth/name-privacy.ts';
import { readAuthLine } from '../collector/auth/read-line.ts';
import { AUTH_WINDOW_S } from '../collector/sources/auth.ts';
import type { AuthWindow } from '../contract/auth-window.ts';

export interface ExplainedLine {
  /** How the last line was read. */
  readonly lines: string[];
  /** Of its user name and of its source, with the lines before it; none where it says nothing of a login. */
  readonly windows: AuthWindow[];
}

export interface LogSettings {
  readonly host: string;
  readonly now_ms: number;
  readonly zone_offset_min: number;
  readonly publicName: (name: string) => PublicName;
}

const MEANING: Record<AuthEvent['kind'], string> = {
  failure: 'a failed login',
  success: 'a login',
  hint: 'a sign of a failed login, counted once with the line that tells it, or where none does',
  context: 'who is on the other side of a connection, no outcome',
  begin: 'the begin of a connection',
  end: 'the end of a connection: what was only hinted at failed',
};

/** @param log lines in order; the last is explained, those before it are its context */
export function explainLogLine(log: readonly string[], settings: LogSettings): ExplainedLine {
  const attempts = new Attempts();
  const windows = new AuthWindows({ ...settings, group: 'default', duration_s: AUTH_WINDOW_S, step_s: 1 });
  let latest_ms = settings.now_ms;
  let last = readAuthLine('', settings);
  for (const raw of log) {
    last = readAuthLine(raw, settings);
    latest_ms = last.line.time_ms ?? latest_ms;
    if (last.event) for (const attempt of attempts.push(last.event, latest_ms)) windows.add(attempt);
  }
  // A login whose outcome is not told yet is counted as it would be if nothing followed.
  for (const attempt of attempts.finish()) windows.add(attempt);
  const { line, event } = last;
  const time = line.time_ms === null ? 'without a time' : new Date(line.time_ms).toISOString();
  const process = line.pid === null ? '' : `, process ${line.pid}`;
  const lines = [
    `read as a log line: ${time}, host ${line.host ?? 'not named'}, program ${line.program || 'not named'}${process}; ${log.length - 1} lines before it`,
  ];
  if (!event) return { lines: [...lines, 'it says nothing of a login'], windows: [] };
  const shown = event.username === undefined ? null : settings.publicName(event.username);
  const unknown = event.invalid_user ? ', no account of that host' : '';
  lines.push(
    `it says: ${MEANING[event.kind]}${event.attempts > 1 ? `, ${event.attempts} times` : ''}`,
    `  user name: ${shown ? `${shown.username}, looks like: ${shown.username_type}${unknown}` : 'not named'}`,
    `  source: ${event.source ?? 'not named'}`,
    `  connection: ${event.connection ?? 'not told'}`,
  );
  return { lines, windows: windows.of(event.username, event.source) };
}
