/** What lines of authentication logs say: times, programs, and names made to mislead. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
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
