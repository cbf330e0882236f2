/** What `vigia doctor` finds of logs, spool, token and edge, and that it looks where an installed service does. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { afterAll, describe, expect, it } from 'vitest';
import type { Finding } from '../collector/doctor/finding.ts';
import { installedService } from '../collector/doctor/installed.ts';
import {
  clockFinding,
  edgeFindings,
  logFinding,
  spoolFinding,
  tokenFinding,
} from '../collector/doctor/place-findings.ts';
import { missing, named } from './ebpf-machine.ts';
import { testEdge } from './edge-fixture.ts';

const NOW = Date.UTC(2026, 10, 21);
const KEY = 'a-key-of-at-least-thirty-two-bytes-for-tests';
const folder = mkdtempSync(join(tmpdir(), 'vigia-doctor-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);

/** @returns the file that holds it */
async function tokenOf(claims: Record<string, unknown>, end_s: number, key = KEY): Promise<string> {
  const signed = new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).setExpirationTime(end_s);
  writeFileSync(at('token'), await signed.sign(new TextEncoder().encode(key)));
  return at('token');
}

describe('a token', () => {
  const found = (tokenFile: string): Finding | undefined =>
    tokenFinding({ tokenFile, host: 'web-1', group: 'web' }, NOW)[0];

  it.each([
    [
      'of the right scope and host',
      { scope: 'ingest', host: 'web-1' },
      60,
      'ok',
      /^of the scope ingest, for host web-1$/,
    ],
    ['for any host', { scope: 'ingest' }, 60, 'ok', /for any host$/],
    ['that has ended', { scope: 'ingest' }, -1, 'missing', /^it ended 2026-11-20T23:59:59/],
    ['of another scope', { scope: 'read' }, 60, 'missing', /^its scope is read$/],
    ['for another host', { scope: 'ingest', host: 'db-1' }, 60, 'missing', /is for the host db-1, .* is web-1$/],
    ['for another group', { scope: 'ingest', group: 'db' }, 60, 'missing', /is for the group db, .* is web$/],
  ])('%s is told so', async (_name, claims, after_s, state, text) => {
    const file = await tokenOf(claims, NOW / 1000 + after_s);
    expect(found(file)).toMatchObject({ state, text: expect.stringMatching(text) });
  });

  it('that is none, or not there, is told without its contents', () => {
    writeFileSync(at('none'), 'hunter2');
    const finding = found(at('none'));
    expect(finding?.state).toBe('missing');
    expect(JSON.stringify(finding)).not.toContain('hunter2');
    expect(found(at('nowhere'))).toMatchObject({ state: 'missing', text: expect.stringContaining('ENOENT') });
  });

  it('is shown to the edge, which alone knows whether it signed it', async () => {
    const edge = await testEdge({ TOKEN_KEY: KEY });
    const access = async (tokenFile: string | null): Promise<Finding | undefined> => {
      const findings = await edgeFindings({ to: edge.url, caFile: null, proxies: {}, tokenFile });
      return findings.find(({ name }) => name === 'access');
    };
    const later_s = Date.now() / 1000 + 600;
    try {
      expect(await access(await tokenOf({ scope: 'ingest' }, later_s))).toMatchObject({ state: 'ok' });
      const forged = await access(await tokenOf({ scope: 'ingest' }, later_s, `another-${KEY}`));
      expect(forged).toMatchObject({ state: 'missing', text: expect.stringContaining('401') });
      const reading = await access(await tokenOf({ scope: 'read' }, later_s));
      expect(reading).toMatchObject({ state: 'missing', text: expect.stringContaining('403') });
      expect(await access(null)).toMatchObject({ state: 'missing', remedy: expect.stringContaining('--token-file') });
      const authorization = `Bearer ${readFileSync(await tokenOf({ scope: 'read' }, later_s), 'utf8')}`;
      const metrics = await (await fetch(`${edge.url}/metrics`, { headers: { authorization } })).text();
      expect(metrics).not.toMatch(/^ml_detector_windows_total\S* [1-9]/m);
    } finally {
      await edge.remove();
    }
  });
});

describe('a place', () => {
  it('of a log or of the spool is looked at, and nothing is made', () => {
    writeFileSync(at('auth.log'), '');
    expect(logFinding(at('auth.log')).state).toBe('ok');
    expect(logFinding(at('later.log')).state).toBe('limited');
    expect(spoolFinding(folder)).toMatchObject({ state: 'ok', text: expect.stringMatching(/written, \d+ MiB free/) });
    expect(spoolFinding(at('new/spool'))).toMatchObject({ state: 'ok', text: expect.stringContaining('can be made') });
    expect(existsSync(at('new'))).toBe(false);
    expect(spoolFinding(at('auth.log/spool')).state).toBe('missing');
  });
});

describe('the edge', () => {
  it('that answers is named with its version and its clock; another server, or none, is not taken for it', async () => {
    const edge = await testEdge();
    const findings = (to: string) => edgeFindings({ to, caFile: null, proxies: {}, tokenFile: null });
    try {
      const all = await findings(edge.url);
      const [found, access] = [all.at(0), all.at(-1)];
      expect(found).toMatchObject({ state: 'ok', text: expect.stringMatching(/answers in \d+ ms: Vigía \S+, ok/) });
      expect(access).toMatchObject({ state: 'ok', text: 'the edge asks for no token' });
      expect(await findings(`${edge.url}/stats`)).toMatchObject([{ state: 'missing' }]);
    } finally {
      await edge.remove();
    }
    expect(await findings(edge.url)).toMatchObject([
      { state: 'missing', text: expect.stringContaining('does not answer') },
    ]);
  });

  it('says how far the clock of this host is off', () => {
    const date = new Date(NOW).toUTCString();
    expect(clockFinding(date, NOW + 2000)).toMatchObject([{ state: 'ok', text: '2 s ahead of the edge' }]);
    expect(clockFinding(date, NOW - 60_000)).toMatchObject([{ state: 'limited', text: '60 s behind the edge' }]);
    expect(clockFinding(undefined, NOW)).toEqual([]);
  });
});

describe('an installed service', () => {
  it('is one whose unit is there; what this process was given comes before its variables', () => {
    const root = at('root');
    expect(installedService({}, root)).toBeNull();
    mkdirSync(join(root, 'usr/lib/systemd/system'), { recursive: true });
    writeFileSync(join(root, 'usr/lib/systemd/system/vigia-collector.service'), '');
    expect(installedService({ A: '1' }, root)).toMatchObject({ environment: { A: '1' }, findings: [] });
    mkdirSync(join(root, 'etc/vigia'), { recursive: true });
    writeFileSync(join(root, 'etc/vigia/collector.env'), '# VIGIA_TO=no\nVIGIA_TO="http://e"\nVIGIA_GROUP=web\n');
    expect(installedService({ VIGIA_GROUP: 'db' }, root)).toEqual({
      environment: { VIGIA_TO: 'http://e', VIGIA_GROUP: 'db' },
      options: { spool: join(root, 'var/lib/vigia') },
      usual: {
        tokenFile: join(root, 'etc/vigia/token'),
        webhookSecretFile: join(root, 'etc/vigia/webhook.secret'),
      },
      findings: [],
    });
    rmSync(join(root, 'etc/vigia/collector.env'));
    mkdirSync(join(root, 'etc/vigia/collector.env'));
    expect(installedService({}, root)?.findings).toMatchObject([{ state: 'limited', name: 'settings' }]);
  });

  const reason = missing('unshare', 'mount');
  /** Where there is one. @param command of the shell, $2 $3 is vigia */
  function onItsHost(command: string): string {
    const script = `
      mount -t tmpfs tmpfs "$1" && cd "$1" && mkdir up work here
      mount -t overlay overlay -o lowerdir=/etc,upperdir=up,workdir=work /etc
      mkdir -p /etc/vigia /etc/systemd/system && : > /etc/systemd/system/vigia-collector.service
      echo 'VIGIA_SOURCE=ebpf:vg-none' > /etc/vigia/collector.env
      cd here && ${command}; ls -A`;
    const vigia = join(import.meta.dirname, '../cli/vigia.ts');
    mkdirSync(at('mounts'), { recursive: true });
    const { stdout, stderr } = spawnSync(
      'unshare',
      ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', at('mounts'), process.execPath, vigia],
      { encoding: 'utf8' },
    );
    expect(stderr).toBe('');
    return stdout;
  }

  it.skipIf(reason)(named('is looked at by the command where it keeps its token, variables and spool', reason), () => {
    const findings = onItsHost('"$2" "$3" doctor --json')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Finding);
    expect(findings).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ name: 'ebpf:vg-none', state: 'missing' }),
        expect.objectContaining({ name: 'token', text: expect.stringContaining('/etc/vigia/token cannot be read') }),
        expect.objectContaining({ name: 'spool', text: expect.stringContaining('/var/lib/vigia') }),
      ]),
    );
  });

  it.skipIf(reason)(
    named('is what collect --check tells of, whatever spool its file names, unless one is given', reason),
    () => {
      const settings = `printf 'to = "http://edge"\\nspool = "/elsewhere"\\n' > /etc/vigia/collector.toml`;
      const asPerson = onItsHost(`${settings}; "$2" "$3" collect --check`);
      expect(asPerson).toMatch(
        /^# As vigia-collector\.service runs: .*\nto = "http:\/\/edge" {2}# \/etc\/vigia\/collector\.toml\n/,
      );
      for (const line of [
        'source = [ "ebpf:vg-none" ]  # VIGIA_SOURCE',
        'spool = "/var/lib/vigia"  # --spool',
        'token-file = "/etc/vigia/token"  # default',
        'webhook-secret-file = "/etc/vigia/webhook.secret"  # default',
      ])
        expect(asPerson.split('\n')).toContain(line);
      const asUnit = onItsHost(`${settings}; export VIGIA_SOURCE=ebpf:a; "$2" "$3" collect --check --spool /s`).split(
        '\n',
      );
      expect(asUnit[0]).toMatch(/^to = /);
      expect(asUnit).toEqual(expect.arrayContaining(['spool = "/s"  # --spool', '# token-file is not set']));
    },
  );
});
