/** What lines of authentication logs say: times, programs, names made to mislead, and what fail2ban expects of the same lines. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Attempts } from '../collector/auth/attempts.ts';
import type { AuthEvent } from '../collector/auth/event.ts';
import { readLogLine } from '../collector/auth/log-line.ts';
import { readAuthLine } from '../collector/auth/read-line.ts';

const NOW = Date.UTC(2026, 10, 21, 12);
const options = { now_ms: NOW, zone_offset_min: 0 };
const eventOf = (message: string, tag = 'sshd[7]'): AuthEvent | undefined =>
  readAuthLine(`Nov 21 10:00:00 web-1 ${tag}: ${message}`, options).event;

describe('the head of a line', () => {
  it.each([
    ['Nov 21 10:00:00 web-1 sshd[7]: hello', '2026-11-21T10:00:00.000Z', 'web-1', 'sshd', '7'],
    ['<38>Nov  1 10:00:00 web-1 su: hello', '2026-11-01T10:00:00.000Z', 'web-1', 'su', null],
    ['2026-11-21T10:00:00.123456+02:00 web-1 sshd[7]: hello', '2026-11-21T08:00:00.123Z', 'web-1', 'sshd', '7'],
    ['2026-11-21 10:00:00 auth-worker(7): hello', '2026-11-21T10:00:00.000Z', null, 'auth-worker', null],
    ['<38>1 2026-11-21T06:00:00.5-04:00 web-1 sshd 7 - - hello', '2026-11-21T10:00:00.500Z', 'web-1', 'sshd', '7'],
    [
      '<38>1 2026-11-21T10:00:00Z web-1 sshd 7 - [a@1 b="[c] \\"d"][e f="g"] hello',
      '2026-11-21T10:00:00.000Z',
      'web-1',
      'sshd',
      '7',
    ],
    ['<38>1 2026-11-21T10:00:00Z web-1 sshd 7 - - \uFEFFhello', '2026-11-21T10:00:00.000Z', 'web-1', 'sshd', '7'],
    ['Nov 21 10:00:00 [sshd] hello', '2026-11-21T10:00:00.000Z', null, 'sshd', null],
    ['Nov 21 10:00:00 web-1 /usr/sbin/sshd[7]: hello', '2026-11-21T10:00:00.000Z', 'web-1', 'sshd', '7'],
    ['@400000004c91b044077a9e94 imap-login: hello', '2010-09-16T05:51:00.125Z', null, 'imap-login', null],
    ['web-1 sshd[7]: hello', null, 'web-1', 'sshd', '7'],
  ])('%s', (line, time, host, program, pid) => {
    const read = readLogLine(line, options);
    expect({ ...read, tag: undefined }).toEqual({
      time_ms: time === null ? null : Date.parse(time),
      host,
      program,
      pid,
      message: 'hello',
    });
  });

  it('a day that is more than a day ahead was last year; the 29th of February was in the last leap year', () => {
    const at = (head: string): string => new Date(readLogLine(`${head} h p: m`, options).time_ms ?? 0).toISOString();
    expect(at('Nov 22 11:59:59')).toBe('2026-11-22T11:59:59.000Z');
    expect(at('Nov 22 12:00:01')).toBe('2025-11-22T12:00:01.000Z');
    expect(at('Feb 29 00:00:00')).toBe('2024-02-29T00:00:00.000Z');
    const newYear = { now_ms: Date.UTC(2027, 0, 1, 0, 0, 5), zone_offset_min: 0 };
    expect(readLogLine('Dec 31 23:59:59 h p: m', newYear).time_ms).toBe(Date.UTC(2026, 11, 31, 23, 59, 59));
    expect(readLogLine('Jan  1 00:00:01 h p: m', { ...newYear, zone_offset_min: 60 }).time_ms).toBe(
      Date.UTC(2026, 11, 31, 23, 0, 1),
    );
  });

  it('any instant that rsyslog writes is read back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: NOW }), fc.integer({ min: -14 * 60, max: 14 * 60 }), (time_ms, zone) => {
        const local = new Date(time_ms + zone * 60_000).toISOString().slice(0, -1);
        const [hours, minutes] = [Math.floor(Math.abs(zone) / 60), Math.abs(zone) % 60];
        const two = (value: number): string => String(value).padStart(2, '0');
        const line = `${local}${zone < 0 ? '-' : '+'}${two(hours)}:${two(minutes)} h p: m`;
        expect(readLogLine(line, options).time_ms).toBe(time_ms);
      }),
    );
  });
});

describe('what a line says', () => {
  const from = (kind: string, username: string, source = '192.0.2.1') => ({ kind, username, source, attempts: 1 });
  it.each<[string, string, object | undefined]>([
    ['sshd[7]', 'Failed password for root from 192.0.2.1 port 5 ssh2', from('failure', 'root')],
    [
      'sshd-session[7]',
      'Accepted publickey for deploy from 192.0.2.1 port 5 ssh2: RSA SHA256:x',
      from('success', 'deploy'),
    ],
    ['sshd[7]', 'Failed publickey for git from 192.0.2.1 port 5 ssh2: RSA SHA256:x', from('context', 'git')],
    [
      'sshd[7]',
      'Failed publickey for invalid user git from 192.0.2.1 port 5 ssh2: RSA SHA256:x',
      from('failure', 'git'),
    ],
    ['sshd[7]', 'Invalid user  from 192.0.2.1 port 5', { kind: 'hint', source: '192.0.2.1', invalid_user: true }],
    ['sshd[7]', 'Failed password for a from ::ffff:192.0.2.1 port 5 ssh2', from('failure', 'a')],
    ['sshd[7]', 'Failed password for a from fe80::1%eth0 port 5 ssh2', from('failure', 'a', 'fe80::1')],
    ['sshd[7]', 'message repeated 4 times: [ Failed password for a from 192.0.2.1 port 5 ssh2]', { attempts: 4 }],
    ['sshd[7]', 'Server listening on 0.0.0.0 port 22.', undefined],
    [
      'sudo',
      '    kim : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls',
      { kind: 'failure', username: 'kim', attempts: 3, privileged: true },
    ],
    ['sudo', ' kim : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls', { kind: 'success', username: 'kim' }],
    ['su[9]', 'FAILED SU (to root) kim on pts/1', { kind: 'failure', username: 'kim', privileged: true }],
    ['su[9]', '(to root) kim on pts/1', { kind: 'success', username: 'kim', privileged: true }],
    ['vsftpd[3]', '[kim] OK LOGIN: Client "192.0.2.1"', from('success', 'kim')],
    ['cron[3]', '(root) CMD (run-parts /etc/cron.hourly)', undefined],
    [
      'sshd[7]',
      'Connection closed by authenticating user kim 192.0.2.1 port 5 [preauth]',
      { ...from('hint', 'kim'), closes: true },
    ],
    ['sshd[7]', 'Failed gssapi-with-mic for kim from 192.0.2.1 port 5 ssh2: kim@EXAMPLE.COM', from('failure', 'kim')],
    [
      'sshd[7]',
      'Unable to negotiate with 192.0.2.1 port 5: no matching cipher found. Their offer: 3des-cbc [preauth]',
      undefined,
    ],
    ['sshd[7]', 'Failed password for CORP\\\\kim from 192.0.2.1 port 5 ssh2', from('failure', 'CORP\\kim')],
    ['sshd[7]', 'Invalid user j\\303\\274rgen\\n from 192.0.2.1 port 5', from('hint', 'jürgen\n')],
    [
      'dovecot',
      'imap-login: Login: user=<kim>, method=PLAIN, rip=192.0.2.1, lip=192.0.2.8, mpid=5, TLS, session=<a>',
      from('success', 'kim'),
    ],
    ['Info', 'auth(default): passwd-file(kim,::ffff:192.0.2.1): unknown user', from('failure', 'kim')],
    ['vsftpd[3]', '[ftp] OK LOGIN: Client "192.0.2.1", anon password "x@y"', from('success', 'ftp')],
  ])('%s: %s', (tag, message, expected) => {
    const event = eventOf(message, tag);
    if (expected === undefined) expect(event).toBeUndefined();
    else expect(event).toMatchObject(expected);
  });

  it('a name of any form plants no other address: sshd ends with the true one', () => {
    const address = fc.constantFrom('203.0.113.9', '2001:db8::9');
    const planted = fc.constantFrom(
      ' from 198.51.100.7',
      ' from 198.51.100.7 port 22 ssh2',
      ' from 198.51.100.7 port 22 ssh1: ruser x',
      ' from 198.51.100.7 port 22 ssh2: RSA x',
      ': [preauth]',
    );
    const name = fc
      .tuple(fc.string({ maxLength: 20 }), planted, fc.string({ maxLength: 20 }))
      .map((parts) => parts.join('').replace(/[\r\n]/g, ' '));
    fc.assert(
      fc.property(name, address, fc.boolean(), (user, source, known) => {
        const message = `Failed password for ${known ? '' : 'invalid user '}${user} from ${source} port 40022 ssh2`;
        expect(eventOf(message)?.source).toBe(source);
        expect(eventOf(`Invalid user ${user} from ${source} port 40022`)?.source).toBe(source);
      }),
    );
  });

  const TRUE = '203.0.113.9';
  const PLANTED = '198.51.100.7';

  it.each<[string, (name: string) => string, string[]]>([
    [
      'dovecot',
      (name) =>
        `imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<${name}>, method=PLAIN, rip=${TRUE}, lip=192.0.2.8, session=<a>`,
      [
        `x>, method=PLAIN, rip=${PLANTED}, lip=192.0.2.8, y`,
        `x (auth failed, 999 attempts): user=<root>, rip=${PLANTED}`,
      ],
    ],
    [
      'dovecot',
      (name) => `auth-worker(7): sql(${name},${TRUE},<a>): unknown user`,
      [`x,${PLANTED}): unknown user`, `x,${PLANTED},<b>): Password mismatch`],
    ],
    [
      'dovecot',
      (password) => `auth: sql(kim,${TRUE}): Password mismatch (given password: ${password})`,
      [`x,${PLANTED}): unknown user`],
    ],
    [
      'vsftpd[7]',
      (name) => `[${name}] FAIL LOGIN: Client "${TRUE}"`,
      [`x] FAIL LOGIN: Client "${PLANTED}"`, `ftp] OK LOGIN: Client "${PLANTED}", anon password "`],
    ],
    [
      'vsftpd[7]',
      (password) => `[ftp] OK LOGIN: Client "${TRUE}", anon password "${password}"`,
      [`x] FAIL LOGIN: Client "${PLANTED}`],
    ],
    [
      'vsftpd[7]',
      (name) =>
        `pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser=${name} rhost=${TRUE}`,
      [`x rhost=${PLANTED}`, `x rhost=${PLANTED} user=x`, ` rhost=${PLANTED}  user=x`],
    ],
    [
      'sshd[7]',
      (key) =>
        `Failed publickey for invalid user kim from ${TRUE} port 5 ssh2: RSA-CERT SHA256:a ID ${key} (serial 0) CA RSA SHA256:b`,
      [`x from ${PLANTED} port 22 ssh2`, `x from ${PLANTED} port 22 ssh2: RSA-CERT SHA256:c ID y`],
    ],
    [
      'sshd[7]',
      (name) =>
        `Disconnecting invalid user a ${TRUE} port 5: Change of username or service not allowed: (a,ssh-connection) -> (${name},ssh-connection) [preauth]`,
      [
        `x ${PLANTED} port 22: Too many authentication failures`,
        `user x ${PLANTED} port 22: Change of username or service not allowed: (a,b) -> (c`,
      ],
    ],
  ])('%s: text of the client plants neither an address nor a number of attempts (case %#)', (tag, message, texts) => {
    for (const text of texts) {
      const event = eventOf(message(text), tag);
      expect([TRUE, undefined]).toContain(event?.source);
      expect(event?.attempts).toBe(1);
    }
  });

  it('the name of an existing account is read to its first end: a certificate or ticket behind it plants nothing', () => {
    for (const verb of ['Accepted', 'Failed'])
      expect(
        eventOf(`${verb} publickey for kim from ${TRUE} port 5 ssh2: RSA-CERT ID x from ${PLANTED} port 22 ssh2: y`),
      ).toMatchObject({ username: 'kim', source: TRUE });
  });

  it('a line made to be slow is read like any other: two thousand open brackets are not tried with two thousand commas each', () => {
    const slow = [
      ['dovecot', `${'a('.repeat(2000)}${',a'.repeat(2000)}`],
      ['dovecot', `imap-login: ${'(auth failed, 1 attempts'.repeat(330)}`],
      ['su[7]', `authentication failure; logname= uid=0 euid=0 tty= ruser=${' rhost=a user='.repeat(580)}`],
      ['su[7]', `authentication failure; logname= uid=0 euid=0 tty= ruser= rhost=a user=${' '.repeat(8000)}x`],
      ['vsftpd[7]', `[${'] FAIL LOGIN: Client "a"'.repeat(330)}x`],
      ['sshd[7]', `Failed publickey for ${' from a port 1 ssh2: '.repeat(390)}`],
      ['sudo', `${' : '.repeat(2700)}`],
    ] as const;
    for (let i = 0; i < 30; i++) for (const [tag, message] of slow) expect(() => eventOf(message, tag)).not.toThrow();
  });

  it('no line of any kind breaks it or takes long', () => {
    const piece = fc.constantFrom(
      'Nov 21 10:00:00 h sshd[1]: ',
      'Failed password for ',
      ' from ',
      ' port 1 ssh2',
      'pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser=',
      ' rhost=',
      ' user=',
      'imap-login: Disconnected (auth failed, 1 attempts): user=<',
      '[',
      '\\',
      '"',
    );
    const line = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.array(piece, { maxLength: 400 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(line, (text) => {
        expect(readAuthLine(text, options).line.message).toBeTypeOf('string');
      }),
    );
  });
});

describe('lines of one connection', () => {
  const attemptsOf = (messages: readonly string[], tag = 'sshd[7]') => {
    const attempts = new Attempts();
    const brought = messages.flatMap((message, i) => {
      const event = eventOf(message, tag);
      return event ? attempts.push(event, NOW + 1000 * i) : [];
    });
    return [...brought, ...attempts.finish()].map(({ outcome, username, source, attempts: count }) => ({
      outcome,
      username,
      source,
      count,
    }));
  };
  const pam = 'pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1';

  it('that tell one wrong password five times are one failure', () => {
    expect(
      attemptsOf([
        'Connection from 192.0.2.1 port 5 on 192.0.2.8 port 22',
        'Invalid user oracle from 192.0.2.1 port 5',
        'input_userauth_request: invalid user oracle [preauth]',
        pam,
        'Failed password for invalid user oracle from 192.0.2.1 port 5 ssh2',
        'Connection closed by 192.0.2.1 port 5 [preauth]',
      ]),
    ).toEqual([{ outcome: 'failure', username: 'oracle', source: '192.0.2.1', count: 1 }]);
  });

  it.each<[string, readonly string[], number]>([
    ['sshd-session[7]', [`${pam}  user=root`, 'Failed password for root from 192.0.2.1 port 5 ssh2'], 1],
    [
      'sshd[7]',
      [
        'error: PAM: Authentication failure for root from 192.0.2.1',
        'Failed keyboard-interactive/pam for root from 192.0.2.1 port 5 ssh2',
        'error: PAM: Authentication failure for root from 192.0.2.1',
      ],
      2,
    ],
    [
      'sshd[7]',
      [
        'Failed password for root from 192.0.2.1 port 5 ssh2',
        'Received disconnect from 192.0.2.1 port 5:11: Bye Bye [preauth]',
        'Disconnected from authenticating user root 192.0.2.1 port 5 [preauth]',
      ],
      1,
    ],
    [
      'sshd[7]',
      [
        'Failed publickey for root from 192.0.2.1 port 5 ssh2: RSA SHA256:a',
        'Connection closed by authenticating user root 192.0.2.1 port 5 [preauth]',
      ],
      1,
    ],
    [
      'su[7]',
      [
        'pam_unix(su:auth): authentication failure; logname=kim uid=1000 euid=0 tty=pts/1 ruser=kim rhost=  user=root',
        'FAILED SU (to root) kim on pts/1',
      ],
      1,
    ],
    [
      'sudo',
      [
        'pam_unix(sudo:auth): authentication failure; logname=kim uid=1000 euid=0 tty=/dev/pts/1 ruser=kim rhost=  user=kim',
        '     kim : 3 incorrect password attempts ; TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/bin/ls',
      ],
      3,
    ],
    [
      'dovecot',
      [
        'auth: pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot ruser=kim rhost=192.0.2.1',
        'auth-worker(9): pam(kim,192.0.2.1): pam_authenticate() failed: Authentication failure (Password mismatch?)',
        'imap-login: Disconnected (auth failed, 3 attempts in 9 secs): user=<kim>, method=PLAIN, rip=192.0.2.1, lip=192.0.2.8',
      ],
      3,
    ],
    [
      'vsftpd[7]',
      [
        'pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser=kim rhost=192.0.2.1',
        '[kim] FAIL LOGIN: Client "192.0.2.1"',
      ],
      1,
    ],
  ])('%s: that tell the same failures more than once count as %#: %j → %i', (tag, messages, failures) => {
    const told = attemptsOf(messages, tag).filter(({ outcome }) => outcome === 'failure');
    expect(told.reduce((sum, { count }) => sum + count, 0)).toBe(failures);
  });

  it('of two hosts in one log are two connections, whatever their process numbers', () => {
    const attempts = new Attempts();
    const told = ['web-1', 'web-2'].flatMap((host, i) => {
      const { event } = readAuthLine(
        `Nov 21 10:00:00 ${host} sshd[7]: Invalid user oracle from 192.0.2.${i} port 5`,
        options,
      );
      return event ? attempts.push(event, NOW) : [];
    });
    expect([...told, ...attempts.finish()].map(({ source }) => source)).toEqual(['192.0.2.0', '192.0.2.1']);
  });

  it('that hint at more users than are told apart count at once, so that none is lost', () => {
    const users = Array.from({ length: 100 }, (_, i) => `Invalid user u${i} from 192.0.2.1 port 5`);
    expect(attemptsOf(users)).toHaveLength(100);
  });

  it('that only hint at a failure are one, also where the connection ends unseen', () => {
    const hints = ['Invalid user oracle from 192.0.2.1 port 5'];
    const failure = [{ outcome: 'failure', username: 'oracle', source: '192.0.2.1', count: 1 }];
    expect(attemptsOf(hints)).toEqual(failure);
    expect(attemptsOf([...hints, 'Connection closed by invalid user oracle 192.0.2.1 port 5 [preauth]'])).toEqual(
      failure,
    );
  });

  it('in which PAM refused one method and another succeeded are a login', () => {
    expect(attemptsOf([`${pam}  user=kim`, 'Accepted password for kim from 192.0.2.1 port 5 ssh2'])).toEqual([
      { outcome: 'success', username: 'kim', source: '192.0.2.1', count: 1 },
    ]);
  });

  it('keep their failures when somebody else logs in on the same connection', () => {
    const told = attemptsOf([`${pam}  user=root`, 'Accepted password for kim from 192.0.2.1 port 5 ssh2']);
    expect(told.map(({ outcome, username }) => `${outcome} ${username}`).sort()).toEqual([
      'failure root',
      'success kim',
    ]);
  });

  it('are forgotten within a bound, and counted', () => {
    const attempts = new Attempts();
    let failures = 0;
    for (let i = 0; i < 5000; i++) {
      const event = eventOf('Invalid user x from 192.0.2.1 port 5', `sshd[${i}]`);
      if (event) failures += attempts.push(event, NOW).length;
    }
    expect(attempts.evicted).toBe(904);
    expect(failures + attempts.finish().length).toBe(5000);
  });
});

const openssh = fileURLToPath(new URL('../../shared/data/auth/openssh-1k.log', import.meta.url));

describe.skipIf(!existsSync(openssh))('a real sshd under attack [needs ../shared/data/auth/openssh-1k.log]', () => {
  it('failed as often as it says, and in 3 connections that only hint at it', () => {
    const lines = readFileSync(openssh, 'utf8').trimEnd().split('\n');
    const said = lines.reduce((sum, line) => {
      if (!line.includes('Failed password')) return sum;
      return sum + Number(/repeated (\d+) times/.exec(line)?.[1] ?? 1);
    }, 0);
    const attempts = new Attempts();
    const told = lines.flatMap((raw) => {
      const { event, line } = readAuthLine(raw, options);
      return event ? attempts.push(event, line.time_ms ?? 0) : [];
    });
    const all = [...told, ...attempts.finish()];
    const sum = (outcome: string) =>
      all.filter((one) => one.outcome === outcome).reduce((count, one) => count + one.attempts, 0);
    expect(said).toBe(222);
    expect(sum('failure') - said).toBe(3);
    expect(sum('success')).toBe(1);
  });
});

const logs = fileURLToPath(new URL('../../shared/data/auth/fail2ban', import.meta.url));
const missing = existsSync(logs) ? '' : 'needs ../shared/data/auth';

/** Lines on which Vigía deliberately differs, by what they hold, with the reason. */
const DIFFERENT: Readonly<Record<string, string>> = {
  'port 58946 ssh2: from 10.10.1.2 port 55555 ssh2':
    'OpenSSH writes nothing behind the port of a password: the name reaches to the end',
  'Disconnected from authenticating user admin 192.0.2.6':
    'CrowdSec counts a login that was begun and given up; fail2ban does so in its extra and aggressive modes only',
  'pop(pam_unix)[4920]': 'fail2ban dropped this old form of PAM; it is a failed login all the same',
};

describe.skipIf(missing !== '')(`fail2ban's own lines${missing && ` [skipped: ${missing}]`}`, () => {
  it.each([
    ['sshd', 68, 36],
    ['sshd-journal', 64, 35],
    ['dovecot', 45, 11],
    ['vsftpd', 8, 0],
    ['pam-generic', 8, 1],
  ])('%s: %i failures are seen with the right source, %i lines are none', (log, must, mustNot) => {
    const attempts = new Attempts();
    const wrong: string[] = [];
    const counts = { must: 0, mustNot: 0 };
    for (const { line: raw, expected } of expectations(readFileSync(join(logs, log), 'utf8'))) {
      const { event, line } = readAuthLine(raw, { now_ms: Date.UTC(2005, 6, 25), zone_offset_min: 0 });
      const time_ms = line.time_ms ?? 0;
      const brought = event ? attempts.push(event, time_ms).filter(({ outcome }) => outcome === 'failure') : [];
      const hinted = event?.kind === 'failure' || event?.kind === 'hint' ? [event] : [];
      const isSeen = [...brought, ...hinted].some(
        ({ source }) => source !== undefined && source === (expected.host ?? source),
      );
      const isFalse = brought.some((attempt) => attempt.time_ms === time_ms);
      counts[expected.match ? 'must' : 'mustNot']++;
      if (expected.match ? isSeen : !isFalse) continue;
      if (!Object.keys(DIFFERENT).some((part) => raw.includes(part))) wrong.push(raw);
    }
    expect(wrong).toEqual([]);
    expect(counts).toEqual({ must, mustNot });
  });
});

interface Expectation {
  readonly match: boolean;
  readonly host?: string;
  readonly constraint?: string;
}

/** The lines of fail2ban's normal mode: its others also count what is no login, such as port scanners. */
function expectations(text: string): { line: string; expected: Expectation }[] {
  const found: { line: string; expected: Expectation }[] = [];
  let [normal, expected]: [boolean, Expectation | null] = [true, null];
  for (const line of text.split('\n')) {
    const mode = /^# ?filterOptions: (.*)/.exec(line)?.[1];
    const json = /^# ?failJSON: (\{.*\})\s*$/.exec(line)?.[1];
    if (mode !== undefined) normal = mode.includes('[{}') || !/"mode": "(?:aggressive|ddos|extra)"/.test(mode);
    if (json !== undefined) expected = JSON.parse(json) as Expectation;
    if (line.startsWith('#') || line.trim() === '') continue;
    if (expected && normal && !/== 'aggressive'/.test(expected.constraint ?? '')) found.push({ line, expected });
    expected = null;
  }
  return found;
}
