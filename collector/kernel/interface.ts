/** The network interfaces of this namespace: their numbers, names and link headers. */
import { readFileSync } from 'node:fs';
import { kernel } from './libbpf.ts';

/** ARPHRD_ types (linux/if_arp.h) → bytes of link header. */
const LINK_BYTES = new Map([
  [1, 14], // Ethernet
  [772, 14], // loopback
  [512, 0], // PPP
  [519, 0], // raw IP
  [768, 0], // IP over IP
  [769, 0], // IPv6 tunnel
  [776, 0], // SIT
  [778, 0], // GRE over IP
  [823, 0], // GRE over IPv6
  [65534, 0], // none: tun, WireGuard
]);

/** Names of all interfaces, also those without an address. `/sys/class/net` would follow the mount namespace instead. */
export function interfaceNames(): string[] {
  return readFileSync('/proc/thread-self/net/dev', 'utf8')
    .split('\n')
    .flatMap((line) => /^\s*([^\s|]+):/.exec(line)?.[1] ?? []);
}

/** The interface's number, which no other interface gets while the machine runs; 0 where there is none. */
export const interfaceIndex = (name: string): number => kernel().interfaceIndex(name);

/** Bytes before the IP header, or undefined where the programs cannot read this kind of link. */
export const linkBytes = (name: string): number | undefined => LINK_BYTES.get(kernel().linkType(name));
