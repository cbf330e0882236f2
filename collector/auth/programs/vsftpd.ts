/** vsftpd, in its own log and through syslog. */
import { type AuthEvent, type LogLine, peerOf, sourceOf } from '../event.ts';
import { readPam } from './pam.ts';

/** A name, and the password that an anonymous user gives, may hold anything: the two agree where neither imitates a line. */
const END = '\\] (FAIL|OK) LOGIN: Client "([^"]+)"(?:, (?:anon password )?".*")?$';
const FIRST = new RegExp(`^\\[(.*?)${END}`);
const LAST = new RegExp(`^\\[(.*)${END}`);

export function readVsftpd(line: LogLine): AuthEvent | undefined {
  const pam = readPam(line);
  if (pam) return ofPeer({ ...pam, teller: 'pam' });
  const found = LAST.exec(line.message);
  if (!found) return undefined;
  const [, username = '', outcome, source = ''] = found;
  if (FIRST.exec(line.message)?.[3] !== source) return { kind: 'failure', attempts: 1 };
  const event = { ...(username !== '' && { username }), source: sourceOf(source), attempts: 1 };
  return outcome === 'OK' ? { ...event, kind: 'success' } : ofPeer({ ...event, kind: 'failure', teller: 'vsftpd' });
}

/** The processes that ask PAM and that write the log are two. */
function ofPeer(event: AuthEvent): AuthEvent {
  return { ...event, connection: peerOf('vsftpd', event.source) };
}
