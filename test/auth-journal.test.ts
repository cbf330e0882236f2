/** The source `journal`: what a real journald gives it, and what it says where journalctl gives nothing. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { followJournal } from '../collector/sources/open-auth-log.ts';
import { SourceError } from '../collector/sources/source.ts';
import type { AuthWindow } from '../contract/auth-window.ts';
import { missing, named, sh } from './ebpf-machine.ts';
import { until } from './edge-stand-in.ts';

const KEY = new Uint8Array(32).fill(7);
const JOURNALD = '/lib/systemd/systemd-journald';
const folder = mkdtempSync(join(tmpdir(), 'vigia-journal-'));
afterAll(() => rmSync(folder, { recursive: true }));

type Followed = { windows: AuthWindow[]; error: unknown };
const isRefusedThrice = ({ failed_attempts }: AuthWindow): boolean => (failed_attempts ?? 0) >= 3;

/** A stand-in prints what it was asked, and lines of the form that journalctl prints. @param isAll ends it */
function standIn(script: string, isAll?: (windows: AuthWindow[]) => boolean): Promise<Followed> {
  const bin = mkdtempSync(join(folder, 'bin-'));
  writeFileSync(join(bin, 'journalctl'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return following(`${bin}:${process.env.PATH}`, isAll);
}

async function following(
  path: string,
  isAll = (windows: AuthWindow[]): boolean => windows.some(isRefusedThrice),
): Promise<Followed> {
  const before = process.env.PATH;
  process.env.PATH = path;
  const windows: AuthWindow[] = [];
  const stop = new AbortController();
  try {
    const journal = followJournal({ host: 'web-1', group: 'default', nameKey: KEY });
    for await (const window of journal.windows(stop.signal)) {
      windows.push(window);
      if (isAll(windows)) stop.abort();
    }
    return { windows, error: null };
  } catch (error) {
    return { windows, error };
  } finally {
    process.env.PATH = before;
  }
}

it('is asked for logins alone, from as far back as a window reaches, and followed', async () => {
  const asked = join(folder, 'asked');
  const time = new Date().toISOString().replace('Z', '000+0000');
  const line = `${time} web-1 sshd[7]: Failed password for root from 192.0.2.1 port 5 ssh2`;
  const { windows, error } = await standIn(
    `echo "$@" > ${asked}; for i in 1 2 3; do echo "${line}"; done; exec sleep 60`,
  );
  expect(error).toBeNull();
  expect(Math.max(...windows.map(({ failed_attempts }) => failed_attempts ?? 0))).toBe(3);
  expect(readFileSync(asked, 'utf8').trim()).toEqual(
    expect.stringMatching(/^--follow --quiet --lines=all --since=-600s --output=short-iso-precise SYSLOG_FACILITY=4 /),
  );
});

it('that cannot be read ends the source with what journalctl says; one that is not there says so', async () => {
  const words = 'No journal files were opened due to insufficient permissions.';
  const refused = await standIn(`exec >&-; sleep 0.1; echo "${words}" >&2; exit 1`);
  expect(refused.error).toBeInstanceOf(SourceError);
  expect(String(refused.error)).toMatch(/insufficient permissions.*systemd-journal/);
  expect(String((await following(folder)).error)).toMatch(/journalctl cannot be run/);
});

const reason = missing('journalctl', 'logger', 'unshare', 'mount') || (existsSync(JOURNALD) ? '' : `needs ${JOURNALD}`);

describe.skipIf(reason)(named('a journald of its own', reason), () => {
  /** In a mount namespace where /run is `run`: the journal and the sockets of the machine's own stay out of it. */
  async function journald(run: string): Promise<ChildProcess> {
    mkdirSync(join(run, 'systemd/journald.conf.d'), { recursive: true });
    const settings = ['Storage=volatile', 'ReadKMsg=no', 'Audit=no', 'ForwardToWall=no', 'ForwardToSyslog=no'];
    writeFileSync(join(run, 'systemd/journald.conf.d/test.conf'), `[Journal]\n${settings.join('\n')}\n`);
    const script = `mount --bind "${run}" /run && exec ${JOURNALD}`;
    const child = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script], { stdio: 'ignore' });
    await until('the sockets of journald', () => existsSync(join(run, 'systemd/journal/dev-log')));
    return child;
  }

  const FAILED = 'Failed password for root from';
  const REFUSED = 'imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<root>, method=PLAIN, rip=';
  /** Program, facility, and what it writes about an address. */
  const written: readonly [string, string, (address: string) => string][] = [
    ['sshd', 'auth', (address) => `${FAILED} ${address} port 5 ssh2`],
    ['sshd-session', 'local6', (address) => `${FAILED} ${address} port 5 ssh2`],
    ['dovecot', 'mail', (address) => `${REFUSED}${address}, lip=192.0.2.200`],
    ['vsftpd', 'ftp', (address) => `[root] FAIL LOGIN: Client "${address}"`],
  ];

  it('gives the refusals of each program, whatever facility it writes to', async () => {
    const run = mkdtempSync(join(folder, 'run-'));
    const daemon = await journald(run);
    try {
      const socket = ['--socket', join(run, 'systemd/journal/dev-log')];
      for (const [i, [program, facility, message]] of written.entries())
        for (let times = 0; times < 3; times++)
          sh('logger', ...socket, '-t', program, '-p', `${facility}.info`, message(`192.0.2.${i}`));
      const real = sh('sh', '-c', 'command -v journalctl').trim();
      const refused = (windows: AuthWindow[]): string[] => {
        const ofSources = windows.filter((window) => window.username === undefined && isRefusedThrice(window));
        return [...new Set(ofSources.flatMap(({ sources }) => sources?.map(({ ip }) => ip) ?? []))].sort();
      };
      const { windows, error } = await standIn(
        `exec ${real} --directory=${join(run, 'log/journal')} "$@"`,
        (found) => refused(found).length === written.length,
      );
      expect(error).toBeNull();
      expect(refused(windows)).toEqual(written.map((_, i) => `192.0.2.${i}`));
    } finally {
      daemon.kill('SIGTERM');
      await once(daemon, 'exit');
    }
  });
});
