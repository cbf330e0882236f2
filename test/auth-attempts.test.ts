/** How lines of one connection become attempts: five lines about one wrong password are one failure. */
import { describe, expect, it } from 'vitest';
import { Attempts } from '../collector/auth/attempts.ts';
import type { AuthEvent } from '../collector/auth/event.ts';
import { readAuthLine } from '../collector/auth/read-line.ts';

const NOW = Date.UTC(2026, 10, 21, 12);
const options = { now_ms: NOW, zone_offset_min: 0 };
const eventOf = (message: string, tag = 'sshd[7]'): AuthEvent | undefined =>
  readAuthLine(`Nov 21 10:00:00 web-1 ${tag}: ${message}`, options).event;

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
