/** What the last half hour of an interface looked like, beside each window: slow scans and slow leaks hide in single seconds. */
import type { Recent } from '../../contract/network-window.ts';
import { formatAddress } from '../kernel/address.ts';

/** What is remembered is at least half as old as this, and no older. */
const HORIZON_MS = 1_800_000;
/** Addresses whose ports are remembered in each half of the horizon. */
const MOST_ADDRESSES = 4096;
/** Ports of one address that are told apart: a slow scan is plain long before. */
const MOST_PORTS = 128;
const MOST_SCANNERS = 10;
/** Fewer distinct ports are what a client of several services opens. */
const FEWEST_PORTS = 5;

interface Opened {
  readonly ports: Set<number>;
  newest_ms: number;
}

interface Bytes {
  readonly from_ms: number;
  in: number;
  out: number;
  duration_s: number;
}

export class RecentMemory {
  /** Two generations by address (16 bytes as latin1): what was seen in this half of the horizon, and in the one before. */
  #current = new Map<string, Opened>();
  #before = new Map<string, Opened>();
  #generation_ms = Number.NaN;
  /** Of each minute, oldest first. */
  #minutes: Bytes[] = [];
  /** Times that an address found no room and its ports are not remembered. */
  notRemembered = 0;
  /** Times that a port found no room beside the others of its address. */
  portsNotRemembered = 0;

  /**
   * Ports of conversations that an address opened in one window.
   * @param address 16 bytes, IPv4 mapped
   */
  opened(address: Uint8Array, ports: Iterable<number>, time_ms: number): void {
    this.#turn(time_ms);
    const key = Buffer.from(address).toString('latin1');
    let entry = this.#current.get(key);
    if (!entry) {
      if (this.#current.size >= MOST_ADDRESSES && !this.#forgetClient()) {
        this.notRemembered++;
        return;
      }
      entry = { ports: new Set(), newest_ms: Number.NEGATIVE_INFINITY };
      this.#current.set(key, entry);
    }
    const known = this.#before.get(key)?.ports;
    for (const port of ports) {
      if (entry.ports.has(port)) continue;
      if (entry.ports.size >= MOST_PORTS) {
        this.portsNotRemembered++;
        continue;
      }
      entry.ports.add(port);
      if (!known?.has(port)) entry.newest_ms = time_ms;
    }
  }

  /** The view at the end of a window. @param bytes by direction, of the window; null where it is unknown */
  at(end_ms: number, duration_s: number, bytes: { readonly in: number; readonly out: number } | null): Recent {
    this.#turn(end_ms);
    const minute_ms = Math.floor(end_ms / 60_000) * 60_000;
    if (this.#minutes.at(-1)?.from_ms !== minute_ms)
      this.#minutes.push({ from_ms: minute_ms, in: 0, out: 0, duration_s: 0 });
    const latest = this.#minutes.at(-1) as Bytes;
    latest.in += bytes?.in ?? 0;
    latest.out += bytes?.out ?? 0;
    latest.duration_s += duration_s;
    this.#minutes = this.#minutes.filter(({ from_ms }) => from_ms > end_ms - HORIZON_MS && from_ms <= end_ms);
    const over_s = this.#minutes.reduce((sum, minute) => sum + minute.duration_s, 0);
    const rate = (of: 'in' | 'out'): number | null =>
      bytes === null || over_s === 0 ? null : this.#minutes.reduce((sum, minute) => sum + minute[of], 0) / over_s;
    return {
      over_s,
      bytes_in_per_second: rate('in'),
      bytes_out_per_second: rate('out'),
      scanners: this.#scanners(end_ms - 1000 * duration_s),
    };
  }

  /** Who opened a new port in the window: a scan that is over must not colour what the same address does next. */
  #scanners(windowStart_ms: number): Recent['scanners'] {
    const scanning: { key: string; unique_ports: number }[] = [];
    for (const [key, { ports, newest_ms }] of this.#current) {
      if (newest_ms < windowStart_ms) continue;
      const before = this.#before.get(key)?.ports;
      const unique_ports = before ? new Set([...ports, ...before]).size : ports.size;
      if (unique_ports >= FEWEST_PORTS) scanning.push({ key, unique_ports });
    }
    return scanning
      .sort((a, b) => b.unique_ports - a.unique_ports || (a.key < b.key ? -1 : 1))
      .slice(0, MOST_SCANNERS)
      .map(({ key, unique_ports }) => ({ ip: formatAddress(Buffer.from(key, 'latin1')), unique_ports }));
  }

  /** A clock that runs backwards begins anew. */
  #turn(time_ms: number): void {
    const age_ms = time_ms - this.#generation_ms;
    if (age_ms >= 0 && age_ms < HORIZON_MS / 2) return;
    this.#before = age_ms >= 0 && age_ms < HORIZON_MS ? this.#current : new Map();
    this.#current = new Map();
    this.#generation_ms = time_ms;
  }

  /** Makes room by an address of one port, of the oldest few: clients come by the thousand, scanners do not. */
  #forgetClient(): boolean {
    let looked = 0;
    for (const [key, { ports }] of this.#current) {
      if (ports.size <= 1) return this.#current.delete(key);
      if (++looked >= 64) return false;
    }
    return false;
  }
}
