/** vsftpd, in its own log and through syslog. */
import { type AuthEvent, type LogLine, sourceOf } from '../event.ts';
import { readPam } from './pam.ts';

const LOGIN = /^\[(.*)\] (FAIL|OK) LOGIN: Client "([^"]+)"/;

export function readVsftpd(line: LogLine): AuthEvent | undefined {
  const pam = readPam(line);
  if (pam) return pam;
  const found = LOGIN.exec(line.message);
  if (!found) return undefined;
  const [, username = '', outcome, source = ''] = found;
  return {
    kind: outcome === 'OK' ? 'success' : 'failure',
    ...(username !== '' && { username }),
    source: sourceOf(source),
    attempts: 1,
  };
}
