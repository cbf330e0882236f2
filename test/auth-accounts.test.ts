/** Which user names leave the host as they are: the accounts of this moment, and those that the operator names. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Accounts } from '../collector/auth/accounts.ts';
import { namePrivacy } from '../collector/auth/name-privacy.ts';
import { ConfigError, readConfig } from '../collector/config.ts';

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
