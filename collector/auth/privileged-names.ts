/** Names of accounts that may do everything, by convention of Unix and Windows; in a domain or not. */

const NAMES: ReadonlySet<string> = new Set(['root', 'toor', 'administrator', 'admin']);

/** @param name as it was typed, such as `root`, `CORP\\Administrator` or `admin@corp.example` */
export function isPrivileged(name: string): boolean {
  const account = name.slice(name.lastIndexOf('\\') + 1).replace(/@[\w.-]+$/, '');
  return NAMES.has(account.toLowerCase());
}
