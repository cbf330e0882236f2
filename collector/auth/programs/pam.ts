/** Refusals by PAM modules, whichever service asked: `pam_unix(service:auth): authentication failure; … rhost=… user=…`. */
import { type AuthEvent, type LogLine, sourceOf } from '../event.ts';

/**
 * pam_unix writes `logname= uid= euid= tty= ruser= rhost= [ user=]`; names may hold blanks, so that the first reading that fits to
 * the end is taken: an rhost typed within ruser is read over, one typed within user comes after the true one.
 */
const FAILURE =
  /^(?:pam_\w+(?:\(([\w.:-]*)\))?:? |\(pam_\w+\) )?(?:(\d+) more )?authentication failures?; logname=\S* uid=\d* euid=\d* tty=\S* ruser=(.*?) rhost=(\S*)(?: +user=(.*?))? *(?:\[preauth\])?$/;

export function readPam(line: LogLine): AuthEvent | undefined {
  if (!line.message.includes('authentication failure')) return undefined;
  const found = FAILURE.exec(line.message);
  if (!found) return undefined;
  const [, , more = '1', ruser = '', rhost = '', user] = found;
  const username = user ?? ruser;
  return {
    kind: isDoubled(line.program) ? 'hint' : 'failure',
    ...(username !== '' && { username }),
    ...(rhost !== '' && { source: sourceOf(rhost) }),
    attempts: Number(more),
    ...(line.pid !== null && { connection: `${line.program}[${line.pid}]` }),
  };
}

/** These say in a line of their own what became of the login. */
const isDoubled = (program: string): boolean => /^(sshd|sshd-session|sshd-auth|su|sudo)$/.test(program);
