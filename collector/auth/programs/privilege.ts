/** sudo and su: who of this host became, or wanted to become, somebody else. */
import { type AuthEvent, type LogLine, processOf } from '../event.ts';
import { readPam } from './pam.ts';

const SUDO = /^(.+?) : (?:(\d{1,9}) incorrect password attempts? ; |(user NOT in sudoers|command not allowed) ; )?TTY=/;
const SU_FAILED =
  /^(?:FAILED SU \(to (\S+)\) (\S+) on |BAD SU (\S+) to (\S+) on |failed: \S+ changing from (\S+) to (\S+))/;
const SU_DONE = /^(?:Successful su for (\S+) by (\S+)|\(to (\S+)\) (\S+) on |(\S+) to (\S+) on \/dev\/)/;

export function readSudo(line: LogLine): AuthEvent | undefined {
  const found = SUDO.exec(line.message);
  if (!found) return ofAsker(readPam(line), line);
  const [, username = '', incorrect, refused] = found;
  const failed = incorrect !== undefined || refused !== undefined;
  const event: AuthEvent = { kind: failed ? 'failure' : 'success', username, attempts: Number(incorrect ?? 1) };
  return ofAsker({ ...event, privileged: true, closes: true }, line);
}

export function readSu(line: LogLine): AuthEvent | undefined {
  const failed = SU_FAILED.exec(line.message);
  if (failed) {
    const [, toA, byA, byB, toB, byC, toC] = failed;
    return attempt('failure', byA ?? byB ?? byC, toA ?? toB ?? toC, line);
  }
  const done = SU_DONE.exec(line.message);
  if (!done) return ofAsker(readPam(line), line);
  const [, toA, byA, toB, byB, byC, toC] = done;
  return attempt('success', byA ?? byB ?? byC, toA ?? toB ?? toC, line);
}

function attempt(kind: AuthEvent['kind'], username = '', target = '', line: LogLine): AuthEvent | undefined {
  return ofAsker({ kind, username, attempts: 1, ...(target === 'root' && { privileged: true }), closes: true }, line);
}

/** What PAM says of it is in a line before, which has a process number only where syslog was asked for it. */
function ofAsker(event: AuthEvent | undefined, line: LogLine): AuthEvent | undefined {
  if (!event) return undefined;
  return {
    ...event,
    connection: processOf(line, line.program) ?? `${line.program} by ${event.username ?? ''} of ${line.host ?? ''}`,
  };
}
