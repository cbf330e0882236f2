/** The addresses that this host cannot live without: its own, its gateways, its name servers, the edge, and who is logged in. */
import { lookup } from 'node:dns/promises';
import { readdir, readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { type AddressRange, AddressRangeError, addressRange } from './address-range.ts';
import type { Found } from './allowlist.ts';

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

/** Empty where the file is not there: not every Linux has each. */
async function contentsOf(root: string, ...path: string[]): Promise<Buffer> {
  try {
    return (await readFile(join(root, ...path))).subarray(0, LONGEST_FILE_BYTES);
  } catch {
    return Buffer.alloc(0);
  }
}

/** @param edges host names or addresses: the edge, and the proxy in front of it */
export async function findVitalAddresses(
  configured: readonly AddressRange[],
  edges: readonly string[],
  { root }: SystemFiles = THIS_SYSTEM,
): Promise<Found> {
  return {
    configured,
    'own address': ranges([...LOOPBACK, ...ownAddresses()]),
    gateway: ranges([
      ...ipv4Gateways((await contentsOf(root, ROUTES)).toString('latin1')),
      ...ipv6Gateways((await contentsOf(root, IPV6_ROUTES)).toString('latin1')),
    ]),
    edge: ranges((await Promise.all(edges.map(addressesOf))).flat()),
    'name server': ranges(nameServers((await contentsOf(root, 'etc/resolv.conf')).toString('utf8'))),
    'login session': ranges([
      ...loggedIn(await contentsOf(root, 'run/utmp')),
      ...(await sessions(join(root, 'run/systemd/sessions'))),
    ]),
  };
}

const ownAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((addresses) => addresses?.map(({ address }) => address) ?? []);

async function addressesOf(name: string): Promise<string[]> {
  try {
    return (await lookup(name.replace(/^\[|\]$/g, ''), { all: true })).map(({ address }) => address);
  } catch {
    return [];
  }
}

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
async function sessions(folder: string): Promise<string[]> {
  const files = await readdir(folder).catch(() => []);
  const texts = await Promise.all(files.map((file) => contentsOf(folder, file)));
  return texts.flatMap((text) => /^REMOTE_HOST=(.*)$/m.exec(text.toString('utf8'))?.[1] ?? []);
}
