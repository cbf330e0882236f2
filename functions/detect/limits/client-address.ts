/** From which address a request came, as the platform or the proxy in front says; what a client says itself counts for nothing. */
import ipaddr from 'ipaddr.js';

/** Whoever has one address of IPv6 mostly has a whole /64: its first 4 of 8 groups. */
const NETWORK_GROUPS = 4;

/**
 * @param header as the platform or the proxy fills it in; of a list such as X-Forwarded-For the last address is the one that
 * the nearest proxy saw. Null: nobody tells.
 * @returns an address of IPv4, or the /64 of one of IPv6; null where nobody tells
 */
export function clientAddress(headers: Headers, header: string | null): string | null {
  if (header === null) return null;
  const text = headers.get(header)?.split(',').at(-1)?.trim() ?? '';
  if (text === '' || !ipaddr.isValid(text)) return null; // what is no address costs the parser an exception
  const address = ipaddr.process(text); // IPv4 within IPv6 is IPv4
  if (!(address instanceof ipaddr.IPv6)) return address.toString();
  return `${address.parts
    .slice(0, NETWORK_GROUPS)
    .map((group) => group.toString(16))
    .join(':')}::/64`;
}
