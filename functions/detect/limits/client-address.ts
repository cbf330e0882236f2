/** From which address a request came, as the platform, the proxy in front or the socket says; what a client says itself counts for nothing. */
import ipaddr from 'ipaddr.js';

/** Who tells it; where both do not, nobody does. */
export interface AddressSource {
  /** The header that the platform or a proxy fills in; null: none is trusted. */
  readonly header: string | null;
  /** Whether workerd itself tells to whom the socket is connected: it does where no other server stands before it. */
  readonly socket: boolean;
}

/** Of a request what tells its address; `cf` is what the runtime says of it. */
export interface AddressedRequest {
  readonly headers: Headers;
  readonly cf?: object;
}

/** Whoever has one address of IPv6 mostly has a whole /64: its first 4 of 8 groups. */
const NETWORK_GROUPS = 4;

/**
 * @param source of a header that is a list, such as X-Forwarded-For, the last address counts, which the nearest proxy saw; where the
 * header says nothing, the socket does
 * @returns an address of IPv4, or the /64 of one of IPv6; null where nobody tells
 */
export function clientAddress(request: AddressedRequest, { header, socket }: AddressSource): string | null {
  const told = header === null ? null : networkOf(request.headers.get(header)?.split(',').at(-1)?.trim() ?? '');
  return told ?? (socket ? networkOf(peerOf(request)) : null);
}

/** Of workerd's `192.0.2.1:50000` or `[2001:db8::1]:50000` the address. */
function peerOf({ cf }: AddressedRequest): string {
  const peer = cf !== undefined && 'clientIp' in cf ? cf.clientIp : null;
  return typeof peer === 'string' ? peer.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1') : '';
}

function networkOf(text: string): string | null {
  if (text === '' || !ipaddr.isValid(text)) return null; // what is no address costs the parser an exception
  const address = ipaddr.process(text); // IPv4 within IPv6 is IPv4
  if (!(address instanceof ipaddr.IPv6)) return address.toString();
  return `${address.parts
    .slice(0, NETWORK_GROUPS)
    .map((group) => group.toString(16))
    .join(':')}::/64`;
}
