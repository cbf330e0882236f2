/** The messages of OpenSSH's daemon (auth.c, auth2.c, packet.c of openssh-portable), newer and older. */
import { type AuthEvent, type LogLine, processOf, sourceOf } from '../event.ts';
import { unescaped } from '../unescape.ts';
import { readPam } from './pam.ts';
import { PATTERNS, type Pattern } from './sshd-patterns.ts';

/** What stands before the message on some systems. */
const PREFIX = /^(?:kernel: ?\[ *\d+\.\d+\]:? )?(?:\[ID \d+ \w+\.\w+\] )?(?:error: |fatal: )?/;
const PREAUTH = ' [preauth]';

export function readSshd(line: LogLine): AuthEvent | undefined {
  const pam = readPam(line);
  if (pam) return pam;
  const preauth = line.message.endsWith(PREAUTH);
  const message = (preauth ? line.message.slice(0, -PREAUTH.length) : line.message).replace(PREFIX, '');
  for (const pattern of PATTERNS) {
    if (!message.startsWith(pattern.begins)) continue;
    const found = pattern.form.exec(message);
    if (found) return eventOf(pattern, found, message, line);
  }
  return undefined;
}

function eventOf(pattern: Pattern, found: RegExpExecArray, message: string, line: LogLine): AuthEvent {
  const connection = processOf(line, 'sshd');
  const reading = pattern.first ? settled(found, pattern.first.exec(message) ?? found) : found;
  // Who it was stands in another line of the connection.
  if (!reading)
    return { kind: 'hint', attempts: 1, invalid_user: true, ...(connection !== undefined && { connection }) };
  const [, invalid = '', typed = '', source = ''] = reading;
  const username = unescaped(typed);
  return {
    kind: pattern.begins === 'Failed publickey' && invalid === '' ? 'context' : pattern.kind,
    ...(username !== '' && { username }),
    ...(source !== '' && { source: sourceOf(source) }),
    ...((invalid !== '' || pattern.begins === 'Invalid user') && { invalid_user: true }),
    attempts: 1,
    ...(pattern.teller !== undefined && { teller: pattern.teller }),
    ...(pattern.closes && { closes: true }),
    ...(connection !== undefined && { connection }),
    ...(username === 'root' && { privileged: true }),
  };
}

/**
 * Of a line with text of the client's both before and behind the address: the first reading where the account exists, since its
 * name imitates nothing; else the one reading there is, or none.
 */
function settled(last: RegExpExecArray, first: RegExpExecArray): RegExpExecArray | undefined {
  if (first[3] === last[3]) return last;
  return first[1] === undefined || first[1] === '' ? first : undefined;
}
