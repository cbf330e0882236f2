/** Dovecot's login processes and authentication workers, 1.x to 2.4. */
import { type AuthEvent, type LogLine, sourceOf } from '../event.ts';
import { readPam } from './pam.ts';

/** The login process, once the connection is over: tells how many attempts failed. */
const LOGIN =
  /-login: .*\((?:auth failed, (\d+) attempts[^)]*|tried to use dis\w+ \w+ auth|proxy dest auth failed)\)(?: \(\w+\))?: (.*)$/;
const FIELD_USER = /^user=<(.*?)>,/;
const FIELD_SOURCE = /(?:^|, )rip=([^,]+)/;
/** A worker, at each attempt: `driver(user,address[,<session>]): reason`. */
const WORKER =
  /\b(?:[\w-]+)\((.*),([0-9A-Fa-f.:]+)(?:,[^)]*)?\)(?:<[^>]*>)?: (?:Info: )?(?:\w+: )?(?:unknown user|[Pp]assword mismatch|pam_authenticate\(\) failed|invalid credentials)/;

export function readDovecot(line: LogLine): AuthEvent | undefined {
  const pam = readPam(line);
  if (pam) return pam;
  const text = `${line.tag}: ${line.message}`;
  return readLogin(text) ?? readWorker(text);
}

function readLogin(text: string): AuthEvent | undefined {
  const found = LOGIN.exec(text);
  if (!found) return undefined;
  const [, attempts = '1', fields = ''] = found;
  const source = FIELD_SOURCE.exec(fields)?.[1];
  if (source === undefined) return undefined;
  return { ...event('failure', FIELD_USER.exec(fields)?.[1], source, Number(attempts)), closes: true };
}

function readWorker(text: string): AuthEvent | undefined {
  const found = WORKER.exec(text);
  return found ? event('hint', found[1], found[2] ?? '', 1) : undefined;
}

function event(kind: AuthEvent['kind'], username: string | undefined, source: string, attempts: number): AuthEvent {
  return {
    kind,
    ...(username && { username }),
    source: sourceOf(source),
    attempts,
    connection: `dovecot ${sourceOf(source)}`,
  };
}
