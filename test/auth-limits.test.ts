/** Windows of login attempts under odd clocks and many names, and that nothing of what was typed is in them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accountsOf } from '../collector/auth/accounts.ts';
import { Attempts } from '../collector/auth/attempts.ts';
import { AuthWindows } from '../collector/auth/auth-windows.ts';
import { namePrivacy } from '../collector/auth/name-privacy.ts';
import { readAuthLine } from '../collector/auth/read-line.ts';
import { type AuthWindow, authWindow, USERNAME_TYPES } from '../contract/auth-window.ts';

const NOW = Date.UTC(2026, 10, 21, 12);
const SOURCE = '192.0.2.1';
const publicName = namePrivacy(accountsOf('root:x:0:0::/:/bin/sh\nkim:x:1000:1000::/:/bin/sh\n'), new Uint8Array(32));
const windowsFor = (): AuthWindows =>
  new AuthWindows({ host: 'web-1', group: 'default', duration_s: 600, step_s: 5, publicName });

const attempt = (second: number, username = 'root', source = SOURCE) => ({
  time_ms: NOW + 1000 * second,
  outcome: 'failure' as const,
  username,
  source,
  invalid_user: false,
  privileged: false,
  attempts: 1,
});

/** The whole way from lines to windows. */
function windowsOf(lines: readonly string[]): AuthWindow[] {
  const [attempts, windows] = [new Attempts(), windowsFor()];
  const told = lines.flatMap((raw) => {
    const { line, event } = readAuthLine(raw, { now_ms: NOW, zone_offset_min: 0 });
    const brought = event ? attempts.push(event, line.time_ms ?? NOW) : [];
    return brought.flatMap((one) => windows.add(one));
  });
  return [...told, ...attempts.finish().flatMap((one) => windows.add(one)), ...windows.finish()];
}

describe('a clock', () => {
  it('that was ahead in one line holds back no window: after eight lines of the true time the windows are of that', () => {
    const windows = windowsFor();
    windows.add(attempt(365 * 86_400));
    const told = Array.from({ length: 60 }, (_, second) => windows.add(attempt(second))).flat();
    expect(told.length).toBeGreaterThan(10);
    const [last] = windows.finish();
    expect(last?.failed_attempts).toBe(53);
    expect(Date.parse(last?.start ?? '') + 1000 * (last?.duration_s ?? 0)).toBe(NOW + 59_000);
    expect(windows.losses).toMatchObject({ time_reversed: 8, auth_key_evicted: 2 });
  });

  it('of another host that lags, between lines of this one, forgets nothing', () => {
    const windows = windowsFor();
    for (let i = 0; i < 50; i++) {
      windows.add(attempt(i));
      windows.add(attempt(i - 7200));
    }
    const [last] = windows.finish();
    expect(last?.failed_attempts).toBe(100);
    expect(windows.losses).toMatchObject({ time_reversed: 50, auth_key_evicted: 0 });
  });
});

describe('a window', () => {
  it('tells 64 sources of a user apart in one step, and how many attempts it could not', () => {
    const windows = windowsFor();
    for (let i = 0; i < 100; i++) windows.add(attempt(0, 'root', `192.0.2.${i}`));
    const ofUser = windows.finish().find(({ username }) => username === 'root');
    expect(ofUser).toMatchObject({ failed_attempts: 100, unique_source_ips: 64 });
    expect(windows.losses.auth_other_side_dropped).toBe(36);
  });

  it.each([
    ['root', 1],
    ['Administrator', 1],
    ['CORP\\administrator', 1],
    ['admin@corp.example', 1],
    ['kim', 0],
    ['rooter', 0],
    ['admin2', 0],
  ])('of %s has the privilege level %i, whichever program was asked', (name, level) => {
    const windows = windowsFor();
    windows.add(attempt(0, name));
    expect(windows.finish()[0]?.privilege_level).toBe(level);
  });
});

describe('what was typed as a user name', () => {
  const head = `2026-11-21T11:59:00Z web-1`;
  const linesOf = (typed: string): string[] => [
    `${head} sshd-session[7]: Invalid user ${typed} from ${SOURCE} port 5`,
    `${head} sshd-session[7]: Failed password for invalid user ${typed} from ${SOURCE} port 5 ssh2`,
    `${head} sshd-session[7]: Connection closed by invalid user ${typed} ${SOURCE} port 5 [preauth]`,
    `${head} dovecot: imap-login: Disconnected (auth failed, 2 attempts in 9 secs): user=<${typed}>, method=PLAIN, rip=${SOURCE}, lip=192.0.2.8`,
    `${head} dovecot: auth-worker(9): sql(${typed},${SOURCE},<a>): unknown user`,
    `${head} vsftpd[8]: [${typed}] FAIL LOGIN: Client "${SOURCE}"`,
    `${head} vsftpd[8]: pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser=${typed} rhost=${SOURCE}`,
  ];
  /** What any window holds, whoever it is of: a text that is part of it, such as "name", shows nothing. */
  const frame = JSON.stringify([windowsOf(linesOf('zzzzzzzz')), USERNAME_TYPES]).replaceAll(/[0-9a-f]{16}/g, '');

  it('is nowhere in any field of any window of any program, if it is no account of this host', () => {
    const typed = fc.oneof(
      fc.string({ minLength: 4, maxLength: 80 }),
      fc.string({ unit: 'grapheme', minLength: 4, maxLength: 40 }),
      fc
        .tuple(fc.string({ minLength: 4 }), fc.constantFrom(' from ', '> ', '\\303\\251', ', rip='))
        .map((x) => x.join('')),
    );
    let told = 0;
    fc.assert(
      fc.property(typed, (text) => {
        const clear = text.replaceAll(/[\r\n]/g, ' ').trim();
        fc.pre(clear.length >= 4 && !frame.includes(clear) && !/^[0-9a-f:]+$/.test(clear));
        fc.pre(publicName(clear).username !== clear);
        const windows = windowsOf(linesOf(clear));
        told += windows.length;
        for (const window of windows) expect(authWindow.safeParse(window).error).toBeUndefined();
        const json = JSON.stringify(windows);
        expect(json).not.toContain(JSON.stringify(clear).slice(1, -1));
        expect(json).not.toContain(clear);
      }),
      { numRuns: 1000 },
    );
    expect(told).toBeGreaterThan(1500);
  });

  it('is one failure a login, told by three programs: 1 of sshd, 2 of dovecot, 1 of vsftpd', () => {
    const windows = windowsOf(linesOf('Winter2026!'));
    expect(windows.find(({ unique_usernames }) => unique_usernames !== undefined)).toMatchObject({
      failed_attempts: 4,
      unique_usernames: 1,
    });
  });
});
