/** Opens a log of logins with what this host knows: its accounts, its time zone, and its secret for names. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AuthWindow } from '../../contract/auth-window.ts';
import { Accounts } from '../auth/accounts.ts';
import { JournalTail } from '../auth/journal-tail.ts';
import { readLogLine } from '../auth/log-line.ts';
import { type LineReader, LogTail } from '../auth/log-tail.ts';
import { namePrivacy } from '../auth/name-privacy.ts';
import { AUTH_WINDOW_S, authSource } from './auth.ts';
import { systemClock } from './clock.ts';
import type { Tell, WindowSource } from './source.ts';

const PASSWD = '/etc/passwd';
const KEY_FILE = 'names.key';
const KEY_BYTES = 32;

export interface AuthLogSettings {
  readonly host: string;
  readonly group: string;
  /** By which names are hashed that may not leave the host. */
  readonly nameKey: Uint8Array;
  /** Accounts beside those of /etc/passwd, such as a directory's. */
  readonly accounts?: readonly string[];
  readonly tell?: Tell;
}

/** A log that is followed from now on, through rotation. */
export function followAuthLog(file: string, settings: AuthLogSettings): WindowSource<AuthWindow> {
  const since = {
    timeOf_ms: (line: string) =>
      readLogLine(line, { now_ms: systemClock.wall_ms(), zone_offset_min: ownZone() }).time_ms ?? null,
    oldest_ms: () => systemClock.wall_ms() - AUTH_WINDOW_S * 1000,
  };
  const spec = `auth:${file}`;
  const tell: Tell = (event, facts) => settings.tell?.(event, { source: spec, ...facts });
  return open(spec, new LogTail(file, systemClock, since, tell), settings, systemClock.wall_ms);
}

/** The logins in systemd's journal from now on. */
export function followJournal(settings: AuthLogSettings): WindowSource<AuthWindow> {
  return open('journal', new JournalTail(AUTH_WINDOW_S, systemClock), settings, systemClock.wall_ms);
}

/** A log that is read to its end. @param file gzip, zstd or neither; - is stdin */
export function readAuthLog(file: string, settings: AuthLogSettings): WindowSource<AuthWindow> {
  const written_ms = file === '-' ? undefined : statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  return open(`auth:${file}`, file, settings, () => written_ms ?? systemClock.wall_ms());
}

function open(
  spec: string,
  log: LineReader | string,
  { host, group, nameKey, accounts: named = [], tell = () => {} }: AuthLogSettings,
  now_ms: () => number,
): WindowSource<AuthWindow> {
  const accounts = new Accounts(PASSWD, named, systemClock.monotonic_ns, (event, facts) =>
    tell(event, { source: spec, ...facts }),
  );
  const source = authSource({
    spec,
    log,
    host,
    group,
    now_ms,
    zone_offset_min: ownZone(),
    publicName: namePrivacy(accounts, nameKey),
  });
  return { ...source, losses: () => ({ ...source.losses(), accounts_not_read: accounts.notRead }) };
}

/** Minutes east of UTC. */
const ownZone = (): number => -new Date().getTimezoneOffset();

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
