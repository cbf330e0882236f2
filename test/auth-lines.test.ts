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
  const attemptsOf = (messages: readonly string[]) => {
    const attempts = new Attempts();
    const brought = messages.flatMap((message, i) => {
      const event = eventOf(message);
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
