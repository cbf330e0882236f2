/** An address or network of the block list or the allowlist, in one form over IPv4 and IPv6. */
import ipaddr from 'ipaddr.js';
import { PREFIX } from '../kernel/layout.ts';

/** What is given is no address and no network. */
export class AddressRangeError extends Error {
  override readonly name = 'AddressRangeError';
  readonly text: string;

  constructor(text: string) {
    super(
      `${JSON.stringify(text.slice(0, 64))} is no address or network; write it as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32`,
    );
    this.text = text;
  }
}

export interface AddressRange {
  /** Canonical: RFC 5952, the host's bits zero, without a length where it is a single address. */
  readonly text: string;
  /** Of the 128 bits of the address; an IPv4 one is IPv4-mapped. */
  readonly bits: number;
  /** The key of the kernel's maps: `struct prefix`. */
  readonly key: Uint8Array;
}

const MAPPED_BITS = 96;
const ADDRESS_BITS = 128;

/**
 * Reads `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`. An IPv4-mapped IPv6 address is the IPv4 one.
 * @throws AddressRangeError
 */
export function addressRange(text: string): AddressRange {
  const [address, bits] = parse(text);
  const mapped = address instanceof ipaddr.IPv4 ? address.toIPv4MappedAddress() : address;
  const bytes = mapped.toByteArray().map((byte, i) => byte & (0xff00 >> Math.min(Math.max(bits - 8 * i, 0), 8)) & 0xff);
  const key = new Uint8Array(PREFIX.size);
  new DataView(key.buffer).setUint32(PREFIX.bits, bits, true);
  key.set(bytes, PREFIX.address);
  return { text: format(bytes, bits), bits, key };
}

function parse(text: string): [ipaddr.IPv4 | ipaddr.IPv6, number] {
  try {
    const [address, length] = text.includes('/') ? ipaddr.parseCIDR(text) : [ipaddr.parse(text), null];
    if (address.kind() === 'ipv4') {
      // 10.1 and 012.0.0.1 are not what people mean by them.
      if (!ipaddr.IPv4.isValidFourPartDecimal(text.split('/')[0] ?? '')) throw new AddressRangeError(text);
      return [address, MAPPED_BITS + (length ?? 32)];
    }
    return [address, length ?? ADDRESS_BITS];
  } catch {
    throw new AddressRangeError(text);
  }
}

function format(bytes: readonly number[], bits: number): string {
  const address = new ipaddr.IPv6([...bytes]);
  const isMapped = bits >= MAPPED_BITS && address.isIPv4MappedAddress();
  const name = isMapped ? address.toIPv4Address().toString() : address.toRFC5952String();
  return bits === ADDRESS_BITS ? name : `${name}/${isMapped ? bits - MAPPED_BITS : bits}`;
}

/** Whether every address of `inner` is one of `outer`. */
export function contains(outer: AddressRange, inner: AddressRange): boolean {
  if (inner.bits < outer.bits) return false;
  for (let bit = 0; bit < outer.bits; bit += 8) {
    const mask = 0xff & (0xff00 >> Math.min(outer.bits - bit, 8));
    const at = PREFIX.address + bit / 8;
    if (((outer.key[at] ?? 0) ^ (inner.key[at] ?? 0)) & mask) return false;
  }
  return true;
}

const EVERY_IPV4: AddressRange = addressRange('0.0.0.0/0');
/** Networks of a whole registry, or more. */
const WIDEST = { ipv4: 8, ipv6: 16 } as const;

/** Whether a range is so wide that it is a slip, most likely: an IPv4 network wider than /8, an IPv6 one wider than /16 or with all of IPv4 in it. */
export function isVast(range: AddressRange): boolean {
  if (contains(EVERY_IPV4, range)) return range.bits < MAPPED_BITS + WIDEST.ipv4;
  return range.bits < WIDEST.ipv6 || contains(range, EVERY_IPV4);
}

export const isSingle = ({ bits }: AddressRange): boolean => bits === ADDRESS_BITS;

/** Whether an address is in both. */
export const overlaps = (one: AddressRange, other: AddressRange): boolean =>
  contains(one, other) || contains(other, one);
