/** Refusals by PAM modules, whichever service asked: `pam_unix(service:auth): authentication failure; … rhost=… user=…`. */
import { type AuthEvent, type LogLine, processOf, sourceOf } from '../event.ts';

const HEAD =
  /^(?:pam_\w+(?:\(([\w.:-]*)\))?:? |\(pam_\w+\) )?(?:(\d{1,9}) more )?authentication failures?; logname=\S* uid=\d* euid=\d* tty=(\S*) ruser=/;
const RHOST = ' rhost=';
const USER = ' user=';

interface Names {
  readonly ruser: string;
  readonly rhost: string;
  readonly user?: string;
}

export function readPam(line: LogLine): AuthEvent | undefined {
  if (!line.message.includes('authentication failure')) return undefined;
  const found = HEAD.exec(line.message);
  if (!found) return undefined;
  const [head, , more = '1', tty = ''] = found;
  const names = readNames(
    line.message
      .slice(head.length)
      .replace(/\[preauth\]$/, '')
      .trimEnd(),
    tty,
  );
  if (!names) return undefined;
  const family = familyOf(line.program);
  const username = nameOf(names, family);
  const connection = processOf(line, family);
  return {
    kind: DOUBLED.has(family) ? 'hint' : 'failure',
    ...(username !== '' && { username }),
    ...(names.rhost !== '' && { source: sourceOf(names.rhost) }),
    attempts: Number(more),
    ...(connection !== undefined && { connection }),
  };
}

/**
 * `RUSER rhost=HOST[  user=USER]`, where names may hold anything, also what looks like the rest. A service that hands over what was
 * typed hands it over as ruser; `user` is then the same name or absent. So where two readings fit, the first holds only if ruser is empty.
 */
function readNames(text: string, tty: string): Names | undefined {
  const first = firstReading(text);
  const last = readingAt(text, text.lastIndexOf(RHOST));
  if (!first || !last || first.rhost === last.rhost) return first ?? last;
  return first.ruser === '' && !HANDS_OVER.has(tty) ? first : last;
}

function firstReading(text: string): Names | undefined {
  for (let at = text.indexOf(RHOST); at >= 0; at = text.indexOf(RHOST, at + RHOST.length)) {
    const names = readingAt(text, at);
    if (names) return names;
  }
  return undefined;
}

function readingAt(text: string, at: number): Names | undefined {
  if (at < 0) return undefined;
  const from = at + RHOST.length;
  const end = text.indexOf(' ', from);
  const names = { ruser: text.slice(0, at), rhost: text.slice(from, end < 0 ? undefined : end) };
  if (end < 0) return names;
  // pam_unix writes two blanks before `user=`, others one.
  const user = text.startsWith(USER, end) ? end : end + 1;
  return text.startsWith(USER, user) ? { ...names, user: text.slice(user + USER.length) } : undefined;
}

/** Of su and sudo the one who asks, as in their own lines; of others the one who is asked for. */
function nameOf({ ruser, user }: Names, family: string): string {
  if (family === 'su' || family === 'sudo') return ruser || (user ?? '');
  return user ?? ruser;
}

/** By what they write as tty: these set ruser to the name that was typed. */
const HANDS_OVER: ReadonlySet<string> = new Set(['ftp', 'dovecot', 'pure-ftpd']);

/** These say in a line of their own what became of the login. */
const DOUBLED: ReadonlySet<string> = new Set(['sshd', 'su', 'sudo']);

/** From 9.8 on sshd serves a connection by a program of its own. */
const familyOf = (program: string): string =>
  program === 'sshd-session' || program === 'sshd-auth' ? 'sshd' : program;
