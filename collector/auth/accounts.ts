/** The accounts of this host: those of a passwd file, which is read anew when it has changed, and those that the operator names. */
import { readFileSync, statSync } from 'node:fs';

const LOOK_EVERY_NS = 1_000_000_000n;

/**
 * Accounts of a directory (LDAP, SSSD, a domain) are known where they are named, and never asked for: what was typed as a name may be a
 * password, and `getent passwd NAME` would show it to the directory's server.
 */
export class Accounts {
  readonly #file: string;
  readonly #named: ReadonlySet<string>;
  readonly #monotonic_ns: () => bigint;
  #found: ReadonlySet<string> = new Set();
  #version = '';
  #looked_ns: bigint;

  /** @param file of passwd(5); @throws where it cannot be read */
  constructor(file: string, named: readonly string[], monotonic_ns: () => bigint) {
    this.#file = file;
    this.#named = new Set(named);
    this.#monotonic_ns = monotonic_ns;
    this.#looked_ns = monotonic_ns();
    this.#read();
  }

  has(name: string): boolean {
    const now_ns = this.#monotonic_ns();
    if (now_ns - this.#looked_ns >= LOOK_EVERY_NS) {
      this.#looked_ns = now_ns;
      this.#look();
    }
    return this.#named.has(name) || this.#found.has(name);
  }

  /** While the file cannot be read, such as between two names of it, what it held last counts. */
  #look(): void {
    try {
      if (this.#versionNow() !== this.#version) this.#read();
    } catch {}
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
