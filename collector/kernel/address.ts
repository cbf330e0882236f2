/** The text of a 16-byte address as the maps hold it. */
import ipaddr from 'ipaddr.js';

/** RFC 5952 text; an IPv4-mapped address as plain IPv4. */
export function formatAddress(bytes: Uint8Array): string {
  return ipaddr.process(ipaddr.fromByteArray([...bytes]).toString()).toString();
}
