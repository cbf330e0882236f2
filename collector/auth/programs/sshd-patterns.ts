/** The forms of sshd's messages that say something of a login. */
import type { AuthEvent } from '../event.ts';

export interface Pattern {
  /** Tried only on messages that begin so: most lines fit none. */
  readonly begins: string;
  /** Groups: invalid, user, source; those that a message lacks are empty. A user name reaches as far as it can. */
  readonly form: RegExp;
  /** The same with the shortest user name, where what stands behind the address is the client's to choose too. */
  readonly first?: RegExp;
  readonly kind: AuthEvent['kind'];
  readonly teller?: string;
  /** sshd hangs up. */
  readonly closes?: boolean;
}

const INVALID = '(invalid user |illegal user )?';

/** `… for [invalid user ]USER from SOURCE [port N]…` to the end. */
function ofUser(begin: string, end: string, user = '.*'): RegExp {
  return new RegExp(`^${begin} ${INVALID}(${user}) from (\\S+)(?: port \\d+)?${end}$`);
}

/** Behind a key stands its certificate's name, behind a host its user's: both are the client's to choose. */
const ofKey = (begin: string): Pick<Pattern, 'form' | 'first'> => ({
  form: ofUser(begin, ' ssh\\d(?:: .*)?'),
  first: ofUser(begin, ' ssh\\d(?:: .*)?', '.*?'),
});

const CHANGED = ': Change of username or service not allowed: \\(.*\\) -> \\(.*\\)$';

/**
 * A user name may hold anything, also what looks like the end of the line: it reaches to the last place where the rest fits.
 * Only after a key, a host or a ticket does sshd write more behind the port.
 */
export const PATTERNS: readonly Pattern[] = [
  { begins: 'Failed publickey', ...ofKey('Failed publickey for'), kind: 'failure' },
  { begins: 'Failed hostbased', ...ofKey('Failed hostbased for'), kind: 'failure' },
  { begins: 'Failed gssapi', ...ofKey('Failed gssapi-\\S+ for'), kind: 'failure' },
  // Protocol 1 wrote more behind the port; a name that pretends so ends in the port of protocol 2.
  {
    begins: 'Failed',
    form: /^(?!.* ssh2$)Failed \S+ for (invalid user |illegal user )?(.*?) from (\S+) port \d+ ssh1: ruser .*$/,
    kind: 'failure',
  },
  { begins: 'Failed none', form: ofUser('Failed none for', '(?: ssh\\d)?'), kind: 'hint' },
  {
    begins: 'Failed keyboard-interactive/pam',
    form: ofUser('Failed \\S+ for', '(?: ssh\\d)?'),
    kind: 'failure',
    teller: 'method',
  },
  { begins: 'Failed', form: ofUser('Failed \\S+ for', '(?: ssh\\d)?'), kind: 'failure' },
  // The account exists, so that its name imitates nothing.
  { begins: 'Accepted', form: ofUser('Accepted \\S+ for', ' ssh\\d(?:: .*)?', '.*?'), kind: 'success' },
  { begins: 'Invalid user', form: /^()Invalid user (.*) from (\S+)(?: port \d+)?$/, kind: 'hint' },
  {
    begins: 'PAM: ',
    form: /^PAM: (?:Authentication failure|authentication failure|Authentication error|authentication error|User not known to the underlying authentication module) for (invalid user |illegal user )?(.*) from (\S+?)(?: via \S+)? *$/,
    kind: 'failure',
    teller: 'pam',
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
    closes: true,
  },
  {
    begins: 'Disconnecting',
    form: /^Disconnecting(?: authenticating| (invalid))? user (.*) (\S+) port \d+: Too many authentication failures$/,
    kind: 'hint',
    closes: true,
  },
  {
    begins: 'Disconnecting',
    form: new RegExp(`^Disconnecting(?: authenticating| (invalid))? user (.*) (\\S+) port \\d+${CHANGED}`),
    first: new RegExp(`^Disconnecting(?: authenticating| (invalid))? user (.*?) (\\S+) port \\d+${CHANGED}`),
    kind: 'hint',
    closes: true,
  },
  {
    begins: 'Disconnecting: Too many',
    form: /^Disconnecting: Too many authentication failures()(?: for (.*))?()$/,
    kind: 'hint',
    closes: true,
  },
  {
    begins: 'Received disconnect',
    form: /^Received disconnect ()()from (\S+?)(?: port \d+)?: ?3: .*: Auth fail$/,
    kind: 'hint',
  },
  // Newer versions go on to say whose login it was.
  {
    begins: 'Received disconnect',
    form: /^Received disconnect ()()from (\S+?)(?: port \d+)?: ?\d+: /,
    kind: 'context',
    closes: true,
  },
  // Tried to log in, with keys perhaps, which sshd does not log, and gave up: CrowdSec counts it as a failed login too.
  {
    begins: 'Connection ',
    form: /^Connection (?:closed|reset) by (?:authenticating|(invalid)) user (.*) (\S+) port \d+$/,
    kind: 'hint',
    closes: true,
  },
  {
    begins: 'Disconnected from',
    form: /^Disconnected from (?:authenticating|(invalid)) user (.*) (\S+) port \d+$/,
    kind: 'hint',
    closes: true,
  },
  { begins: 'Connection from', form: /^Connection ()()from (\S+) port \d+/, kind: 'begin' },
  { begins: 'Connection ', form: /^Connection (?:closed|reset) ()()by (\S+)(?: port \d+)?$/, kind: 'end' },
];
