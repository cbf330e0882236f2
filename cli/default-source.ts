/** What `vigia up` watches where no source is named: the interface of the default route, and the log of logins. */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';

/** Destination and mask of a default route in /proc/net/route; the flag bit RTF_UP. */
const ANY = '00000000';
const ROUTE_UP = 0x1;

/** Where Debian and Red Hat have syslog write logins. */
const AUTH_LOGS = ['/var/log/auth.log', '/var/log/secure'];

/** There where systemd keeps the journal. */
const JOURNAL = '/run/systemd/journal/socket';

/** The source of logins that this process may read: a log, else as root the journal; null where there is neither. */
export function defaultLogins(): string | null {
  const log = defaultAuthLog();
  if (log !== null) return `auth:${log}`;
  return process.getuid?.() === 0 && existsSync(JOURNAL) ? 'journal' : null;
}

/** The log of logins that this process may read; null where there is none. */
function defaultAuthLog(candidates: readonly string[] = AUTH_LOGS): string | null {
  const isReadable = (file: string): boolean => {
    try {
      accessSync(file, constants.R_OK);
      return true;
    } catch {
      return false;
    }
  };
  return candidates.find(isReadable) ?? null;
}

/** The interface of the IPv4 or IPv6 default route, such as `eth0`; null where there is none. */
export function defaultInterface(
  ipv4Routes: string = readFileSync('/proc/net/route', 'utf8'),
  ipv6Routes: string = readFileSync('/proc/net/ipv6_route', 'utf8'),
): string | null {
  for (const line of ipv4Routes.trim().split('\n').slice(1)) {
    const [name = '', destination, , flags = '0', , , , mask] = line.split('\t');
    if (destination === ANY && mask === ANY && Number.parseInt(flags, 16) & ROUTE_UP) return name;
  }
  for (const line of ipv6Routes.trim().split('\n')) {
    const fields = line.trim().split(/\s+/);
    const name = fields[9];
    if (fields[0] === '0'.repeat(32) && fields[1] === '00' && name !== undefined && name !== 'lo') return name;
  }
  return null;
}
