/** Which user names leave the host as they are: the accounts of this moment, and those that the operator names. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { Accounts } from '../collector/auth/accounts.ts';
import { namePrivacy } from '../collector/auth/name-privacy.ts';
import { ConfigError, readConfig } from '../collector/config.ts';
import { missing, named } from './ebpf-machine.ts';

const folder = mkdtempSync(join(tmpdir(), 'vigia-accounts-'));
afterAll(() => rmSync(folder, { recursive: true }));
const passwd = join(folder, 'passwd');
const line = (name: string): string => `${name}:x:1000:1000::/home/${name}:/bin/sh\n`;

/** As useradd does it: a new file under the old name. */
function write(...names: string[]): void {
  writeFileSync(`${passwd}+`, names.map(line).join(''));
  renameSync(`${passwd}+`, passwd);
}

describe('accounts', () => {
  it('that come or go while the collector runs are known within a second, and those of the last reading where there is no file', () => {
    let now_ns = 0n;
    write('root', 'kim');
    const accounts = new Accounts(passwd, [], () => now_ns);
    const publicName = namePrivacy(accounts, new Uint8Array(32).fill(7));
    const shown = (): string[] => ['kim', 'lea'].map((name) => publicName(name).username);
    const hashed = expect.stringMatching(/^hmac:/);
    expect(shown()).toEqual(['kim', hashed]);
    write('root', 'lea');
    now_ns += 1_000_000_000n;
    expect(shown()).toEqual([hashed, 'lea']);
    rmSync(passwd);
    now_ns += 1_000_000_000n;
    expect(shown()).toEqual([hashed, 'lea']);
    write('root', 'kim', 'lea');
    now_ns += 1_000_000_000n;
    expect(shown()).toEqual(['kim', 'lea']);
  });

  it('whose file cannot be read are told once, and once when it can again, with what follows', () => {
    let now_ns = 0n;
    const told: [string, unknown][] = [];
    rmSync(passwd, { force: true });
    const accounts = new Accounts(
      passwd,
      ['ann'],
      () => now_ns,
      (event, facts) => told.push([event, facts]),
    );
    const look = (name: string): boolean => {
      now_ns += 1_000_000_000n;
      return accounts.has(name);
    };
    const notRead = (effect: string): unknown => [
      'accounts_not_read',
      {
        file: passwd,
        message: expect.stringMatching(`^ENOENT: .*; ${effect}`),
        remedy: expect.stringContaining('mode 644'),
      },
    ];
    const read = ['accounts_read', { file: passwd, message: 'it can be read again' }];
    expect(told).toEqual([notRead('it was not read yet: every name leaves this host as a hash')]);
    expect(['kim', 'ann', 'kim'].map(look)).toEqual([false, true, false]);
    expect(told).toHaveLength(1);
    write('root', 'kim');
    expect([look('kim'), look('kim')]).toEqual([true, true]);
    expect(told.slice(1)).toEqual([read]);
    rmSync(passwd);
    expect([look('kim'), look('lea')]).toEqual([true, false]);
    expect(told.slice(2)).toEqual([notRead('the accounts it held last stay known')]);
    write('root', 'kim');
    expect(look('kim')).toBe(true);
    expect(told.slice(3)).toEqual([read]);
    expect(accounts.notRead).toBe(6);
  });

  it('of a directory are known where they are named', () => {
    write('root');
    const { accounts } = readConfig(
      { to: 'http://localhost', source: ['journal'] },
      { VIGIA_ACCOUNTS: 'ann CORP\\bob' },
    );
    const known = new Accounts(passwd, accounts, () => 0n);
    expect(['ann', 'CORP\\bob', 'bob'].map((name) => known.has(name))).toEqual([true, true, false]);
  });

  it('that cannot be user names are refused', () => {
    const given = { to: 'http://localhost', source: ['journal'], accounts: ['ann', 'ann:x'] };
    expect(() => readConfig(given, {})).toThrow(ConfigError);
    expect(() => readConfig(given, {})).toThrow(/^--accounts \(VIGIA_ACCOUNTS\): must be a user name/);
  });
});

const reason = missing('unshare', 'mount', 'umount');
/** A host without /etc until a line comes on stdin. */
const WITHOUT_ETC =
  'mount -t tmpfs none /etc && exec 3<&0 && { { read -r _ <&3; umount -l /etc; } & exec "$@" </dev/null; }';

describe.skipIf(reason)(named('a collector on a host whose /etc/passwd cannot be read', reason), () => {
  it('starts, counts it and says what follows, and tells when it can', async () => {
    const log = join(folder, 'auth.log');
    const login = (): string =>
      `${new Date().toISOString()} web-1 sshd[1]: Failed password for kim from 192.0.2.1 port 5 ssh2\n`;
    writeFileSync(log, login());
    const vigia = fileURLToPath(new URL('../cli/vigia.ts', import.meta.url));
    const settings = ['--to', 'http://127.0.0.1:9', '--source', `auth:${log}`, '--spool', join(folder, 'spool')];
    const command = [process.execPath, vigia, 'collect', ...settings];
    const collector = spawn('unshare', ['--mount', 'sh', '-c', WITHOUT_ETC, 'sh', ...command]);
    let said = '';
    collector.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const has = (text: RegExp): Promise<void> => vi.waitFor(() => expect(said).toMatch(text), { timeout: 60_000 });
    try {
      await has(/"event":"accounts_not_read","source":"auth:.*\/etc\/passwd.*every name leaves this host as a hash/);
      await has(/"event":"started"/);
      collector.stdin.write('\n');
      await vi.waitFor(
        () => {
          appendFileSync(log, login());
          expect(said).toContain('"event":"accounts_read"');
        },
        { timeout: 60_000, interval: 500 },
      );
    } finally {
      const closed = once(collector, 'close');
      collector.kill('SIGTERM');
      await closed;
    }
    expect(said).toMatch(/"event":"stopped".*"accounts_not_read":[1-9]/);
  });
});
