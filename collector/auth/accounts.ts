/** The accounts of this host: those of a passwd file, which is read anew when it has changed, and those that the operator names. */
import { readFileSync, statSync } from 'node:fs';
import type { Tell } from '../sources/source.ts';

const LOOK_EVERY_NS = 1_000_000_000n;
const REMEDY =
  'Let the user of the collector read it, as everybody can by default (mode 644); names may also be listed as accounts';

/**
 * Accounts of a directory (LDAP, SSSD, a domain) are known where they are named, and never asked for: what was typed as a name may be a
 * password, and `getent passwd NAME` would show it to the directory's server.
 */
export class Accounts {
  readonly #file: string;
  readonly #named: ReadonlySet<string>;
  readonly #monotonic_ns: () => bigint;
  readonly #tell: Tell;
  /** Null until the file was read once. */
  #found: ReadonlySet<string> | null = null;
  #version = '';
  #looked_ns: bigint;
  #isReadable = true;
  #notRead = 0;

  /**
   * @param file of passwd(5)
   * @param tell called once when it cannot be read, and once when it can again
   */
  constructor(file: string, named: readonly string[], monotonic_ns: () => bigint, tell: Tell = () => {}) {
    this.#file = file;
    this.#named = new Set(named);
    this.#monotonic_ns = monotonic_ns;
    this.#tell = tell;
    this.#looked_ns = monotonic_ns();
    this.#look();
  }

  /** Looks at the file that failed. */
  get notRead(): number {
    return this.#notRead;
  }

  has(name: string): boolean {
    const now_ns = this.#monotonic_ns();
    if (now_ns - this.#looked_ns >= LOOK_EVERY_NS) {
      this.#looked_ns = now_ns;
      this.#look();
    }
    return this.#named.has(name) || this.#found?.has(name) === true;
  }

  /** While the file cannot be read, what it held last counts. */
  #look(): void {
    try {
      if (this.#versionNow() !== this.#version) this.#read();
      if (!this.#isReadable) this.#tell('accounts_read', { file: this.#file, message: 'it can be read again' });
      this.#isReadable = true;
    } catch (error) {
      this.#notRead++;
      if (this.#isReadable) this.#tellOf(error);
      this.#isReadable = false;
    }
  }

  #tellOf(error: unknown): void {
    const effect = this.#found
      ? 'the accounts it held last stay known, and the names of newer ones are hashed'
      : 'it was not read yet: every name leaves this host as a hash, but for daemons and what accounts lists';
    const message = `${error instanceof Error ? error.message : String(error)}; ${effect}`;
    this.#tell('accounts_not_read', { file: this.#file, message, remedy: REMEDY });
  }

  #read(): void {
    const version = this.#versionNow();
    this.#found = accountsOf(readFileSync(this.#file, 'utf8'));
    this.#version = version;
  }

  #versionNow(): string {
    const { ino, size, mtimeNs, ctimeNs } = statSync(this.#file, { bigint: true });
    return [ino, size, mtimeNs, ctimeNs].join();
  }
}

/** The account names of a passwd file (passwd(5)). */
export function accountsOf(passwd: string): Set<string> {
  return new Set(
    passwd
      .split('\n')
      .map((line) => line.slice(0, Math.max(0, line.indexOf(':'))))
      .filter((name) => name !== '' && !/^[#+-]/.test(name)),
  );
}
