/** Windows of login attempts: what slides out of them, what names leave the host, their bounds, and a log that is rotated. */
import { spawn } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { accountsOf } from '../collector/auth/accounts.ts';
import type { Attempt } from '../collector/auth/attempts.ts';
import { AuthWindows } from '../collector/auth/auth-windows.ts';
import { LogTail } from '../collector/auth/log-tail.ts';
import { namePrivacy } from '../collector/auth/name-privacy.ts';
import { authSource } from '../collector/sources/auth.ts';
import { systemClock } from '../collector/sources/clock.ts';
import { readNameKey } from '../collector/sources/open-auth-log.ts';
import { type AuthWindow, authWindow } from '../contract/auth-window.ts';
import { DEFAULT_THRESHOLDS } from '../contract/thresholds.ts';
import { judgeBatch } from '../models/judge.ts';
import { testEdge } from './edge-fixture.ts';

const NOW = Date.UTC(2026, 10, 21, 12);
const KEY = new Uint8Array(32).fill(7);
const publicName = namePrivacy(accountsOf('root:x:0:0::/:/bin/sh\nkim:x:1000:1000::/:/bin/sh\n# a:b\n+nis\n'), KEY);
const folder = mkdtempSync(join(tmpdir(), 'vigia-auth-'));
afterAll(() => rmSync(folder, { recursive: true }));

const windowsFor = (): AuthWindows =>
  new AuthWindows({ host: 'web-1', group: 'default', duration_s: 600, step_s: 5, publicName });

const attempt = (second: number, fields: Partial<Attempt> = {}): Attempt => ({
  time_ms: NOW + 1000 * second,
  outcome: 'failure',
  username: 'root',
  source: '192.0.2.1',
  invalid_user: false,
  privileged: true,
  attempts: 1,
  ...fields,
});

const tell = (attempts: readonly Attempt[], windows = windowsFor()): AuthWindow[] => [
  ...attempts.flatMap((one) => windows.add(one)),
  ...windows.finish(),
];

describe('windows', () => {
  it('are one for the user and one for the source, and fit the contract', () => {
    const told = tell([attempt(0), attempt(1, { username: 'kim', outcome: 'success' })]);
    for (const window of told) expect(authWindow.safeParse(window).error).toBeUndefined();
    expect(told).toHaveLength(3);
    const source = told.find(({ unique_usernames }) => unique_usernames !== undefined);
    expect(source).toMatchObject({
      total_attempts: 2,
      failed_attempts: 1,
      successful_attempts: 1,
      unique_usernames: 2,
    });
    expect(told.find(({ username }) => username === 'root')).toMatchObject({
      failed_attempts: 1,
      privilege_level: 1,
      unique_source_ips: 1,
      sources: [{ ip: '192.0.2.1', packets: 1, bytes: 0 }],
    });
    expect(new Set(told.map(({ id }) => id)).size).toBe(3);
  });

  it('begin with the first attempt that counts, so that an incident does not begin ten minutes too early', () => {
    const windows = windowsFor();
    const [window] = tell([attempt(0), attempt(7)], windows).slice(-1);
    expect(window).toMatchObject({ start: new Date(NOW).toISOString(), duration_s: 7 });
    const [later] = tell([attempt(604)], windows);
    expect(later).toMatchObject({ start: new Date(NOW + 7000).toISOString(), duration_s: 597 });
    expect(tell([attempt(0)])[0]).toMatchObject({ duration_s: 1 });
  });

  it('forget what is older than ten minutes', () => {
    const windows = windowsFor();
    tell([attempt(0), attempt(300)], windows);
    const [later] = tell([attempt(650)], windows);
    expect(later?.failed_attempts).toBe(2);
    const [last] = tell([attempt(5000)], windows);
    expect(last?.failed_attempts).toBe(1);
  });

  it('are told once a step, only where something came', () => {
    const windows = windowsFor();
    expect([0, 1, 2, 3].flatMap((second) => windows.add(attempt(second)))).toEqual([]);
    expect(windows.add(attempt(5))).toHaveLength(2);
    expect(windows.advance(NOW + 20_000)).toHaveLength(2);
    expect(windows.advance(NOW + 40_000)).toEqual([]);
  });

  it('count a clock that was set back as now, and say so', () => {
    const windows = windowsFor();
    const told = tell([attempt(0), attempt(-86_400)], windows);
    expect(told[0]?.failed_attempts).toBe(2);
    expect(windows.losses.time_reversed).toBe(1);
  });

  it('made-up names without end stay within bounds, and what is left out is counted', () => {
    const windows = windowsFor();
    const told: number[] = [];
    for (let i = 0; i < 20_000; i++)
      told.push(
        windows.add(
          attempt(Math.floor(i / 1000), { username: `u${i}`, source: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}` }),
        ).length,
      );
    expect(Math.max(...told)).toBe(200);
    expect(windows.losses.auth_key_evicted).toBeGreaterThan(20_000);
    expect(windows.losses.auth_window_thinned).toBeGreaterThan(1000);
  });

  it('show what fail2ban bans by default: five failures within ten minutes from one source, and no fewer', async () => {
    const judged = async (failures: number) => {
      const windows = tell(Array.from({ length: failures }, (_, i) => attempt(i * 140, { username: `name${i}` })));
      const judging = { fleet: null, thresholds: DEFAULT_THRESHOLDS, alertBudget: 1 };
      return (await judgeBatch({ ...judging, windows, context: [] })).filter(({ threat_types }) =>
        threat_types.includes('brute_force_attack'),
      );
    };
    expect(await judged(4)).toEqual([]);
    const [found] = await judged(5);
    expect(found?.attacking_ips).toEqual(['192.0.2.1']);
  });
});

describe('a name', () => {
  it('of an account of this host or of a known daemon stays readable', () => {
    expect(publicName('kim')).toEqual({ username: 'kim', username_type: 'username' });
    expect(publicName('postgres')).toEqual({ username: 'postgres', username_type: 'service' });
  });

  it('of anything else leaves as a keyed hash with its type and length', () => {
    expect(publicName('Tr0ub4dor&3')).toEqual({
      username: expect.stringMatching(/:password:11$/),
      username_type: 'password',
    });
    expect(publicName('Tr0ub4dor&3')).toEqual(publicName('Tr0ub4dor&3'));
    expect(namePrivacy(new Set(), new Uint8Array(32))('Tr0ub4dor&3')).not.toEqual(publicName('Tr0ub4dor&3'));
  });

  it('is hashed by a key that outlives a restart and is its owner’s alone', () => {
    const key = readNameKey(join(folder, 'spool'));
    expect(key).toHaveLength(32);
    expect(readNameKey(join(folder, 'spool'))).toEqual(key);
    expect(statSync(join(folder, 'spool', 'names.key')).mode & 0o777).toBe(0o600);
  });
});

describe('a log', () => {
  const line = (second: number, user: string): string =>
    `${new Date(NOW + 1000 * second).toISOString()} web-1 sshd[${second}]: Failed password for ${user} from 192.0.2.1 port 5 ssh2\n`;
  const settings = { spec: 'auth:test', host: 'web-1', group: 'default', zone_offset_min: 0, publicName };
  const failures = (windows: readonly AuthWindow[]): number =>
    Math.max(0, ...windows.map(({ failed_attempts }) => failed_attempts ?? 0));

  it('is read to its end, gzip, zstd or neither, with a last line that nobody ended', async () => {
    const text = [0, 1, 2]
      .map((second) => line(second, 'root'))
      .join('')
      .trimEnd();
    for (const bytes of [Buffer.from(text), gzipSync(text), zstdCompressSync(text)]) {
      const file = join(folder, 'whole.log');
      writeFileSync(file, bytes);
      const source = authSource({ ...settings, log: file, now_ms: () => NOW });
      const told: AuthWindow[] = [];
      for await (const window of source.windows(new AbortController().signal)) told.push(window);
      expect(failures(told)).toBe(3);
    }
  });

  it('is followed through rotation, truncation and absence, and what was written before the start counts as far as a window reaches', async () => {
    const file = join(folder, 'auth.log');
    writeFileSync(file, line(-5000, 'root') + line(-20, 'root'));
    const source = authSource({
      ...settings,
      log: new LogTail(file, systemClock),
      now_ms: () => NOW + (Date.now() - started),
    });
    const started = Date.now();
    const stop = new AbortController();
    const told: AuthWindow[] = [];
    const reading = (async () => {
      for await (const window of source.windows(stop.signal)) told.push(window);
    })();
    const reach = (count: number) => expect.poll(() => failures(told), { timeout: 20_000 }).toBe(count);
    await reach(1);
    appendFileSync(file, line(1, 'root'));
    renameSync(file, `${file}.1`);
    appendFileSync(`${file}.1`, line(2, 'root'));
    await new Promise((resolve) => setTimeout(resolve, 700));
    writeFileSync(file, line(3, 'root'));
    await reach(4);
    copyFileSync(file, `${file}.2`);
    truncateSync(file, 0);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    appendFileSync(file, line(4, 'root'));
    await reach(5);
    stop.abort();
    await reading;
    expect(source.losses()).toMatchObject({ time_reversed: 0, line_too_long: 0 });
  });

  it('a line without an end is skipped and counted', async () => {
    const file = join(folder, 'long.log');
    writeFileSync(file, `${'x'.repeat(200_000)}\n${line(0, 'root')}`);
    const source = authSource({ ...settings, log: file, now_ms: () => NOW });
    const told: AuthWindow[] = [];
    for await (const window of source.windows(new AbortController().signal)) told.push(window);
    expect(failures(told)).toBe(1);
    expect(source.losses()).toMatchObject({ line_too_long: 1 });
  });
});

it('failures that sshd writes become one incident at the edge, which names the guesser and no name that was tried', async () => {
  const edge = await testEdge();
  const file = join(folder, 'live.log');
  writeFileSync(file, '');
  const vigia = join(import.meta.dirname, '../cli/vigia.ts');
  const source = ['--source', `auth:${file}`, '--spool', join(folder, 'live')];
  const collector = spawn(process.execPath, [vigia, 'collect', '--to', edge.url, ...source, '--host', 'web-1']);
  const closed = new Promise((resolve) => collector.once('close', resolve));
  try {
    for (let i = 0; i < 12; i++) {
      const head = `${new Date().toISOString()} web-1 sshd[${i}]`;
      appendFileSync(file, `${head}: Failed password for invalid user Winter2026! from 203.0.113.5 port ${i} ssh2\n`);
    }
    const incidents = async (): Promise<Record<string, unknown>[]> =>
      ((await (await fetch(`${edge.url}/incidents`)).json()) as { incidents: Record<string, unknown>[] }).incidents;
    const types = async (): Promise<unknown[]> => (await incidents()).map(({ primary_type }) => primary_type);
    await expect.poll(types, { timeout: 30_000, interval: 500 }).toEqual(['brute_force_attack']);
    const told = JSON.stringify(await incidents());
    expect(told).toContain('203.0.113.5');
    expect(told).not.toContain('Winter2026');
  } finally {
    collector.kill('SIGTERM');
    await closed;
    await edge.remove();
  }
});
