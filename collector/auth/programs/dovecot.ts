/** Dovecot's login processes and authentication workers, 1.x to 2.4. */
import { type AuthEvent, type LogLine, peerOf, sourceOf } from '../event.ts';
import { readPam } from './pam.ts';

/** The login process, once the connection is over: tells how many attempts failed. Nothing before it is the client's to choose. */
const LOGIN_FAILED =
  /-login: .{0,400}?\((?:auth failed, (\d{1,9}) attempts[^)]{0,40}|tried to use dis\w{1,20} \w{1,20} auth|proxy dest auth failed)\)(?: \(\w{1,40}\))?: (.*)$/;
const LOGIN_DONE = /-login: (?:Info: )?(?:Login|Logged in): (.*)$/;
/** A worker, at each attempt: `driver(user,address[,<session>]): reason`; from the address on. */
const WORKER =
  /,([0-9A-Fa-f.:]{2,45})(?:,[^)]{0,80})?\)(?:<[^>]{0,80}>)?: (?:Info: )?(?:\w{1,20}: )?(?:unknown user|[Pp]assword mismatch|pam_authenticate\(\) failed|invalid credentials)/g;
const WORKER_HEAD = /\bauth-worker<\d{1,10}>: |\b(?:auth|auth-worker)\((?:\d{1,10}|default)\): /;
const RIP = 'rip=';

export function readDovecot(line: LogLine): AuthEvent | undefined {
  const pam = readPam(line);
  if (pam) return { ...pam, teller: 'pam', connection: peerOf('dovecot', pam.source) };
  const text = `${line.tag}: ${line.message}`;
  return readLogin(text) ?? readWorker(text);
}

function readLogin(text: string): AuthEvent | undefined {
  const failed = LOGIN_FAILED.exec(text);
  if (failed) {
    const [, attempts = '1', fields = ''] = failed;
    return failure(readFields(fields), Number(attempts), 'login');
  }
  const done = LOGIN_DONE.exec(text);
  const fields = done && readFields(done[1] ?? '');
  return fields ? { ...fields, kind: 'success', attempts: 1 } : undefined;
}

/** `user=<…>, method=…, rip=…, lip=…`: only the name is the client's to choose, and it stands before the last rip. */
function readFields(fields: string): { username?: string; source: string } | undefined {
  const at = fields.lastIndexOf(RIP);
  if (at < 0 || (at > 0 && !fields.startsWith(', ', at - 2))) return undefined;
  const [source = ''] = /^[^,\s]*/.exec(fields.slice(at + RIP.length)) ?? [];
  if (source === '') return undefined;
  const username = fields.startsWith('user=<') ? fields.slice('user=<'.length, fields.lastIndexOf('>', at)) : '';
  return { ...(username !== '' && { username }), source: sourceOf(source) };
}

/** A name, or the password where it is logged, may imitate the end of the line: then nobody can tell which address is the true one. */
function readWorker(text: string): AuthEvent | undefined {
  const found = [...text.matchAll(WORKER)];
  const [first] = found;
  if (!first) return undefined;
  if (new Set(found.map(([, address]) => address)).size > 1) return { kind: 'failure', attempts: 1 };
  const worker = text.slice(0, first.index);
  const head = WORKER_HEAD.exec(worker);
  const driver = head ? worker.slice(head.index + head[0].length) : worker;
  const username = driver.slice(driver.indexOf('(') + 1);
  return failure({ ...(username !== '' && { username }), source: sourceOf(first[1] ?? '') }, 1, 'worker');
}

function failure(
  fields: { username?: string; source: string } | undefined,
  attempts: number,
  teller: string,
): AuthEvent | undefined {
  return fields && { ...fields, kind: 'failure', attempts, teller, connection: peerOf('dovecot', fields.source) };
}
