/** The addresses that this host cannot live without: its own, its gateways, its name servers, the edge, and who is logged in. */
import { readdir, readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { type AddressRange, AddressRangeError, addressRange } from './address-range.ts';
import type { Found } from './allowlist.ts';
import { KnownNames, type LookUp } from './known-names.ts';

/** Where Linux keeps what is read here; another root for tests. */
export interface SystemFiles {
  readonly root: string;
}

const THIS_SYSTEM: SystemFiles = { root: '/' };
const LOOPBACK = ['127.0.0.0/8', '::1'] as const;
/** struct utmp of glibc. */
const UTMP = { size: 384, type: 0, host: 76, hostBytes: 256, userProcess: 7 } as const;
/** Of this process: a unit with ProcSubset=pid has no /proc/net. */
const ROUTES = 'proc/self/net/route';
const IPV6_ROUTES = 'proc/self/net/ipv6_route';
/** The second has the servers behind the stub of systemd-resolved, which stands in the first as 127.0.0.53. */
const RESOLVERS = ['etc/resolv.conf', 'run/systemd/resolve/resolv.conf'] as const;
const SESSIONS = 'run/systemd/sessions';
const HOST_NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/;
const LONGEST_FILE_BYTES = 1 << 20;

/** A name or text that is no address is of no use here. */
function ranges(texts: readonly string[]): AddressRange[] {
  return texts.flatMap((text) => {
    try {
      return [addressRange(text.replace(/%.*$/, ''))];
    } catch (error) {
      if (error instanceof AddressRangeError) return [];
      throw error;
    }
  });
}

/** Reads what may not be there, since not every Linux has each, and remembers what is there and cannot be read. */
class SystemReader {
  readonly unreadable: string[] = [];
  readonly #root: string;

  constructor({ root }: SystemFiles) {
    this.#root = root;
  }

  async contentsOf(path: string, isEverywhere = false): Promise<Buffer> {
    try {
      return (await readFile(join(this.#root, path))).subarray(0, LONGEST_FILE_BYTES);
    } catch (error) {
      this.#note(path, error, isEverywhere);
      return Buffer.alloc(0);
    }
  }

  async filesIn(folder: string): Promise<string[]> {
    try {
      return (await readdir(join(this.#root, folder))).map((file) => join(folder, file));
    } catch (error) {
      this.#note(folder, error, false);
      return [];
    }
  }

  #note(path: string, error: unknown, isEverywhere: boolean): void {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'ENOENT' || isEverywhere) this.unreadable.push(`/${path} (${code})`);
  }
}

export class VitalAddresses {
  readonly #edges: readonly string[];
  readonly #files: SystemFiles;
  readonly #edgeNames: KnownNames;
  readonly #peerNames: KnownNames;

  /** @param edges host names or addresses: the edge, and the proxy in front of it */
  constructor(edges: readonly string[], files: SystemFiles = THIS_SYSTEM, lookUp?: LookUp) {
    this.#edges = edges.map((name) => name.replace(/^\[|\]$/g, ''));
    this.#files = files;
    this.#edgeNames = new KnownNames(lookUp);
    this.#peerNames = new KnownNames(lookUp);
  }

  /** @returns what is there now, and what is not known: files that cannot be read, names of edges and of users' hosts without an address */
  async find(): Promise<{ found: Omit<Found, 'configured'>; unknown: string[] }> {
    const system = new SystemReader(this.#files);
    const peers = [...loggedIn(await system.contentsOf('run/utmp')), ...(await sessions(system))];
    const [edge, named] = await Promise.all([
      this.#edgeNames.addressesOf(this.#edges),
      // sshd writes names there with UseDNS; `:0` and `tmux(1)` are no hosts.
      this.#peerNames.addressesOf([...new Set(peers.filter((peer) => HOST_NAME.test(peer) && !isIP(peer)))]),
    ]);
    const routes = (await system.contentsOf(ROUTES, true)).toString('latin1');
    const ipv6Routes = (await system.contentsOf(IPV6_ROUTES)).toString('latin1');
    const resolvers = await Promise.all(RESOLVERS.map((file) => system.contentsOf(file)));
    return {
      found: {
        'own address': ranges([...LOOPBACK, ...ownAddresses()]),
        gateway: ranges([...ipv4Gateways(routes), ...ipv6Gateways(ipv6Routes)]),
        edge: ranges(edge.addresses),
        'name server': ranges(resolvers.flatMap((text) => nameServers(text.toString('utf8')))),
        'login session': ranges([...peers, ...named.addresses]),
      },
      unknown: [...system.unreadable, ...edge.unknown, ...named.unknown],
    };
  }
}

const ownAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((addresses) => addresses?.map(({ address }) => address) ?? []);

/** Of `/proc/net/route`: the gateway is the third column, in the byte order of the machine. */
export function ipv4Gateways(routes: string): string[] {
  return routes.split('\n').flatMap((line) => {
    const gateway = line.split(/\s+/)[2] ?? '';
    if (!/^[0-9A-F]{8}$/.test(gateway) || gateway === '00000000') return [];
    return [Buffer.from(gateway, 'hex').reverse().join('.')];
  });
}

/** Of `/proc/net/ipv6_route`: the next hop is the fifth column. */
export function ipv6Gateways(routes: string): string[] {
  return routes.split('\n').flatMap((line) => {
    const hop = line.split(/\s+/)[4] ?? '';
    if (!/^[0-9a-f]{32}$/.test(hop) || /^0+$/.test(hop)) return [];
    return [hop.replace(/(.{4})(?=.)/g, '$1:')];
  });
}

export const nameServers = (resolvConf: string): string[] =>
  [...resolvConf.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, address = '']) => address);

/** Where the users of the login records came from. */
export function loggedIn(utmp: Uint8Array): string[] {
  const records = Buffer.from(utmp.buffer, utmp.byteOffset, utmp.length);
  const hosts: string[] = [];
  for (let at = 0; at + UTMP.size <= records.length; at += UTMP.size) {
    if (records.readInt16LE(at + UTMP.type) !== UTMP.userProcess) continue;
    hosts.push(records.toString('latin1', at + UTMP.host, at + UTMP.host + UTMP.hostBytes).replace(/\0.*$/s, ''));
  }
  return hosts;
}

/** Where the sessions that systemd-logind knows came from: also those without a terminal. Only who is logged in has one, no guesser. */
async function sessions(system: SystemReader): Promise<string[]> {
  const texts = await Promise.all((await system.filesIn(SESSIONS)).map((file) => system.contentsOf(file)));
  return texts.flatMap((text) => /^REMOTE_HOST=(.*)$/m.exec(text.toString('utf8'))?.[1] ?? []);
}
