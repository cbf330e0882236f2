/** Opens a log of logins with what this host knows: its accounts, its time zone, and its secret for names. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AuthWindow } from '../../contract/auth-window.ts';
import { accountsOf, namePrivacy } from '../auth/name-privacy.ts';
import { authSource } from './auth.ts';
import { systemClock } from './clock.ts';
import type { WindowSource } from './source.ts';

const PASSWD = '/etc/passwd';
const KEY_FILE = 'names.key';
const KEY_BYTES = 32;

export interface AuthLogSettings {
  readonly host: string;
  readonly group: string;
  /** By which names are hashed that may not leave the host. */
  readonly nameKey: Uint8Array;
  readonly follow: boolean;
}

export function openAuthLog(file: string, { host, group, nameKey, follow }: AuthLogSettings): WindowSource<AuthWindow> {
  const written_ms = follow || file === '-' ? null : (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? null);
  return authSource({
    file,
    host,
    group,
    follow,
    now_ms: () => written_ms ?? systemClock.wall_ms(),
    zone_offset_min: -new Date().getTimezoneOffset(),
    clock: systemClock,
    publicName: namePrivacy(accountsOf(readFileSync(PASSWD, 'utf8')), nameKey),
  });
}

/** The key of a folder, made once, readable by its owner alone: the same name has the same hash after a restart. */
export function readNameKey(folder: string): Uint8Array {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, KEY_FILE);
  try {
    writeFileSync(file, randomBytes(KEY_BYTES), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  return readFileSync(file);
}
