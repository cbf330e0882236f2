/** The messages of OpenSSH's daemon (auth.c, auth2.c, packet.c of openssh-portable), newer and older. */
import { type AuthEvent, type LogLine, sourceOf } from '../event.ts';
import { readPam } from './pam.ts';

/** What stands before the message on some systems. */
const PREFIX = /^(?:kernel: ?\[ *\d+\.\d+\]:? )?(?:\[ID \d+ \w+\.\w+\] )?(?:error: |fatal: )?/;
const INVALID = '(invalid user |illegal user )?';

/** sshd hangs up after these. */
const TOO_MANY = /^(?:Disconnecting|maximum authentication attempts)/;

interface Pattern {
  /** Tried only on messages that begin so: most lines fit none. */
  readonly begins: string;
  /** Groups: invalid, user, source; those that a message lacks are empty. */
  readonly form: RegExp;
  readonly kind: AuthEvent['kind'];
}

/**
 * A user name may hold anything, also what looks like the end of the line: it reaches to the last place where the rest fits.
 * Only after a key does sshd write more behind the port.
 */
const PATTERNS: readonly Pattern[] = [
  { begins: 'Failed publickey', form: ofUser('Failed publickey for', ' ssh\\d(?:: .*)?'), kind: 'failure' },
  { begins: 'Failed hostbased', form: ofUser('Failed hostbased for', ' ssh\\d(?:: .*)?'), kind: 'failure' },
  // Protocol 1 wrote more behind the port; a name that pretends so ends in the port of protocol 2.
  {
    begins: 'Failed',
    form: /^(?!.* ssh2$)Failed \S+ for (invalid user |illegal user )?(.*?) from (\S+) port \d+ ssh1: ruser .*$/,
    kind: 'failure',
  },
  { begins: 'Failed none', form: ofUser('Failed none for', '(?: ssh\\d)?'), kind: 'hint' },
  { begins: 'Failed', form: ofUser('Failed \\S+ for', '(?: ssh\\d)?'), kind: 'failure' },
  { begins: 'Accepted', form: ofUser('Accepted \\S+ for', ' ssh\\d(?:: .*)?'), kind: 'success' },
  { begins: 'Invalid user', form: /^()Invalid user (.*) from (\S+)(?: port \d+)?$/, kind: 'hint' },
  {
    begins: 'PAM: ',
    form: /^PAM: (?:Authentication failure|authentication failure|Authentication error|authentication error|User not known to the underlying authentication module) for (invalid user |illegal user )?(.*) from (\S+?)(?: via \S+)? *$/,
    kind: 'failure',
  },
  { begins: 'ROOT LOGIN REFUSED', form: /^ROOT LOGIN REFUSED ()()FROM (\S+)(?: port \d+)?$/, kind: 'failure' },
  { begins: 'User ', form: /^()User (.*) from (\S+) not allowed because /, kind: 'failure' },
  { begins: 'User ', form: /^()User (.*) not allowed because account is locked()$/, kind: 'hint' },
  { begins: 'input_userauth_request', form: /^input_userauth_request: (invalid user )(.*)()$/, kind: 'hint' },
  { begins: 'refused connect', form: /^refused connect from ()().* \((\S+)\)$/, kind: 'failure' },
  {
    begins: 'maximum authentication',
    form: ofUser('maximum authentication attempts exceeded for', ' ssh\\d'),
    kind: 'hint',
  },
  {
    begins: 'Disconnecting',
    form: /^Disconnecting(?: authenticating| (invalid))? user (.*) (\S+) port \d+: (?:Too many authentication failures|Change of username)/,
    kind: 'hint',
  },
  {
    begins: 'Disconnecting: Too many',
    form: /^Disconnecting: Too many authentication failures()(?: for (.*))?()$/,
    kind: 'hint',
  },
  {
    begins: 'Received disconnect',
    form: /^Received disconnect ()()from (\S+?)(?: port \d+)?: ?3: .*: Auth fail$/,
    kind: 'hint',
  },
  { begins: 'Received disconnect', form: /^Received disconnect ()()from (\S+?)(?: port \d+)?: ?\d+: /, kind: 'end' },
  {
    begins: 'Connection closed by invalid',
    form: /^Connection closed by (invalid user )(.*) (\S+) port \d+$/,
    kind: 'hint',
  },
  { begins: 'Connection from', form: /^Connection ()()from (\S+) port \d+/, kind: 'begin' },
  { begins: 'Connection closed by', form: /^Connection closed ()()by (\S+)(?: port \d+)?$/, kind: 'end' },
];

/** `… for [invalid user ]USER from SOURCE [port N]…` to the end. */
function ofUser(begin: string, end: string): RegExp {
  return new RegExp(`^${begin} ${INVALID}(.*) from (\\S+)(?: port \\d+)?${end}$`);
}

export function readSshd(line: LogLine): AuthEvent | undefined {
  const pam = readPam(line);
  if (pam) return pam;
  const preauth = line.message.endsWith(' [preauth]');
  const message = (preauth ? line.message.slice(0, -' [preauth]'.length) : line.message).replace(PREFIX, '');
  for (const { begins, form, kind } of PATTERNS) {
    if (!message.startsWith(begins)) continue;
    const found = form.exec(message);
    if (!found) continue;
    const [, invalid, username = '', source = ''] = found;
    return {
      kind: isKeyOfKnownUser(message, invalid) ? 'context' : kind,
      ...(username !== '' && { username }),
      ...(source !== '' && { source: sourceOf(source) }),
      ...((invalid !== undefined && invalid !== '') || begins === 'Invalid user' ? { invalid_user: true } : {}),
      attempts: 1,
      ...(TOO_MANY.test(message) && { closes: true }),
      ...(line.pid !== null && { connection: `sshd[${line.pid}]` }),
      ...(username === 'root' && { privileged: true }),
    };
  }
  return undefined;
}

/** A client offers all of its keys, one after another: none of them is a wrong guess. */
const isKeyOfKnownUser = (message: string, invalid: string | undefined): boolean =>
  message.startsWith('Failed publickey') && !invalid;
