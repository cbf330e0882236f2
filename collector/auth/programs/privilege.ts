/** sudo and su: who of this host became, or wanted to become, somebody else. */
import type { AuthEvent, LogLine } from '../event.ts';
import { readPam } from './pam.ts';

const SUDO = /^(.+?) : (?:(\d+) incorrect password attempts? ; |(user NOT in sudoers|command not allowed) ; )?TTY=/;
const SU_FAILED =
  /^(?:FAILED SU \(to (\S+)\) (\S+) on |BAD SU (\S+) to (\S+) on |failed: \S+ changing from (\S+) to (\S+))/;
const SU_DONE = /^(?:Successful su for (\S+) by (\S+)|\(to (\S+)\) (\S+) on |(\S+) to (\S+) on \/dev\/)/;

export function readSudo(line: LogLine): AuthEvent | undefined {
  const found = SUDO.exec(line.message);
  if (!found) return readPam(line);
  const [, username = '', incorrect, refused] = found;
  const failed = incorrect !== undefined || refused !== undefined;
  return { kind: failed ? 'failure' : 'success', username, attempts: Number(incorrect ?? 1), privileged: true };
}

export function readSu(line: LogLine): AuthEvent | undefined {
  const failed = SU_FAILED.exec(line.message);
  if (failed) {
    const [, toA, byA, byB, toB, byC, toC] = failed;
    return attempt('failure', byA ?? byB ?? byC, toA ?? toB ?? toC, line);
  }
  const done = SU_DONE.exec(line.message);
  if (!done) return readPam(line);
  const [, toA, byA, toB, byB, byC, toC] = done;
  return attempt('success', byA ?? byB ?? byC, toA ?? toB ?? toC, line);
}

function attempt(kind: AuthEvent['kind'], username = '', target = '', line: LogLine): AuthEvent {
  return {
    kind,
    username,
    attempts: 1,
    ...(target === 'root' && { privileged: true }),
    ...(line.pid !== null && { connection: `su[${line.pid}]` }),
  };
}
