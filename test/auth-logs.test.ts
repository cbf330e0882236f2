/** Public logs of logins: a real sshd under attack, and the lines of fail2ban with what it expects of them. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Attempts } from '../collector/auth/attempts.ts';
import { readAuthLine } from '../collector/auth/read-line.ts';

const options = { now_ms: Date.UTC(2026, 10, 21, 12), zone_offset_min: 0 };

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

const OF_2005 = { now_ms: Date.UTC(2005, 6, 25), zone_offset_min: 0 };
const logs = fileURLToPath(new URL('../../shared/data/auth/fail2ban', import.meta.url));
const missing = existsSync(logs) ? '' : 'needs ../shared/data/auth';

/** Lines on which Vigía deliberately differs, by what they hold, with the reason. */
const DIFFERENT: Readonly<Record<string, string>> = {
  'port 58946 ssh2: from 10.10.1.2 port 55555 ssh2':
    'OpenSSH writes nothing behind the port of a password: the name reaches to the end',
  'Disconnected from authenticating user admin 192.0.2.6':
    'CrowdSec counts a login that was begun and given up; fail2ban does so in its extra and aggressive modes only',
  'sshd[9148]: Disconnecting: Too many authentication failures for root':
    'fail2ban waits for the line that names the address; the failures were failures without one too',
  'sshd[2716]: pam_unix(sshd:auth): authentication failure':
    'nobody was accepted afterwards; fail2ban counts that in its aggressive mode only',
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
    const lines = expectations(readFileSync(join(logs, log), 'utf8'));
    const connections = Map.groupBy(lines, ({ line }) => connectionOf(line));
    for (const { line: raw, expected } of lines) {
      const { event, line } = readAuthLine(raw, OF_2005);
      const time_ms = line.time_ms ?? 0;
      const brought = event ? attempts.push(event, time_ms).filter(({ outcome }) => outcome === 'failure') : [];
      const hinted = event?.kind === 'failure' || event?.kind === 'hint' ? [event] : [];
      const isSeen = [...brought, ...hinted].some(
        ({ source }) => source !== undefined && source === (expected.host ?? source),
      );
      const connection = connections.get(connectionOf(raw)) ?? [];
      const isFalse =
        brought.some((attempt) => attempt.time_ms === time_ms) ||
        (connection.every((peer) => !peer.expected.match) && fails(connection.map(({ line }) => line)));
      counts[expected.match ? 'must' : 'mustNot']++;
      if (expected.match ? isSeen : !isFalse) continue;
      if (!Object.keys(DIFFERENT).some((part) => raw.includes(part))) wrong.push(raw);
    }
    expect(wrong).toEqual([]);
    expect(counts).toEqual({ must, mustNot });
  });
});

/** What sshd says in one connection belongs together; any other line stands alone. */
const connectionOf = (raw: string): string => /sshd(?:-session)?\[\d+\]/.exec(raw)?.[0] ?? raw;

/** Also by what is only hinted at, and counts because no line tells the outcome. */
function fails(lines: readonly string[]): boolean {
  const alone = new Attempts();
  const brought = lines.flatMap((raw) => {
    const { event, line } = readAuthLine(raw, OF_2005);
    return event ? alone.push(event, line.time_ms ?? 0) : [];
  });
  return [...brought, ...alone.finish()].some(({ outcome }) => outcome === 'failure');
}

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
