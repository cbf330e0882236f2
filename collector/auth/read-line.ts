/** Reads one line of an authentication log: what it says of a login, or nothing. */
import type { AuthEvent, LogLine, MessageReader } from './event.ts';
import { type ReadOptions, readLogLine } from './log-line.ts';
import { readDovecot } from './programs/dovecot.ts';
import { readPam } from './programs/pam.ts';
import { readSu, readSudo } from './programs/privilege.ts';
import { readSshd } from './programs/sshd.ts';
import { readVsftpd } from './programs/vsftpd.ts';

const READERS: Readonly<Record<string, MessageReader>> = {
  sshd: readSshd,
  'sshd-session': readSshd,
  'sshd-auth': readSshd,
  dovecot: readDovecot,
  auth: readDovecot,
  'dovecot-auth': readDovecot,
  'auth-worker': readDovecot,
  'imap-login': readDovecot,
  'pop3-login': readDovecot,
  'managesieve-login': readDovecot,
  'submission-login': readDovecot,
  // Dovecot 1.x in a log of its own.
  Info: readDovecot,
  vsftpd: readVsftpd,
  sudo: readSudo,
  su: readSu,
};

/** The names that are read whatever facility they write under. */
export const PROGRAMS: readonly string[] = Object.keys(READERS);

/** rsyslog folds equal lines into one. */
const REPEATED = /^message repeated (\d{1,9}) times: \[ ?(.*)\]$/;

export interface ReadAuthLine {
  readonly line: LogLine;
  readonly event: AuthEvent | undefined;
}

/** Never throws, whatever the line holds. */
export function readAuthLine(raw: string, options: ReadOptions): ReadAuthLine {
  const line = readLogLine(raw, options);
  const repeated = REPEATED.exec(line.message);
  if (!repeated) return { line, event: eventOf(line) };
  const [, times = '1', message = ''] = repeated;
  const event = eventOf({ ...line, message });
  return { line, event: event && { ...event, attempts: event.attempts * Number(times) } };
}

function eventOf(line: LogLine): AuthEvent | undefined {
  const read = Object.hasOwn(READERS, line.program) ? READERS[line.program] : undefined;
  return (read ?? readPam)(line);
}
