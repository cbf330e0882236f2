/** The headers of one frame, read as docs/window.md defines them: link, VLAN tags, IPv4 or IPv6, TCP or UDP. */
import { DIRECTION, type Frame, LINK } from '../capture/frame.ts';

export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmp6: 58 } as const;
export const TCP = { fin: 0x01, syn: 0x02, rst: 0x04, ack: 0x10 } as const;

/** How reading a frame ended. */
export const ENDED = {
  notIp: 0,
  read: 1,
  /** The bytes end before the headers do. */
  short: 2,
  malformed: 3,
} as const;

const ETHERTYPE = { ipv4: 0x0800, ipv6: 0x86dd, vlan: 0x8100, serviceVlan: 0x88a8 } as const;
const NO_ETHERTYPE = 0;
const MAX_VLAN_TAGS = 2;
const MAX_EXTENSION_HEADERS = 6;
const EXTENSION = { hopByHop: 0, routing: 43, fragment: 44, destination: 60 } as const;
/** AF_INET6 of BSD loopback captures differs by system: NetBSD and OpenBSD, FreeBSD, macOS; 10 is Linux. */
const INET6_FAMILIES: ReadonlySet<number> = new Set([10, 24, 28, 30]);
const INET_FAMILY = 2;
/** Packet type "sent by us" of Linux cooked captures. */
const COOKED_OUTGOING = 4;
const IPV4_MAPPED = 0x0000ffff;
const NOP = 1;
const SACK = 5;
const MAX_SACK_BLOCKS = 4;
const SHORTEST_HEADER_WITH_SACK = 30;
/** Of an option of one block. */
const LAST_SACK_OFFSET = 28;

/** What was read of a frame. One object is filled again and again. */
export class Packet {
  /** One of ENDED. */
  ended: number = ENDED.notIp;
  /** 4 or 6; 0 where the frame does not claim to be IP. */
  version = 0;
  /** Addresses and protocol are known. */
  addressed = false;
  /** Ports are known, and of TCP all that follows. */
  hasPorts = false;
  payloadBytes = 0;
  sequence = 0;
  acknowledgement = 0;
  protocol = 0;
  tcpFlags = 0;
  sourcePort = 0;
  destinationPort = 0;
  /** By the link header, where it tells; one of DIRECTION. */
  direction: number = DIRECTION.unknown;
  /** Source (words 0 to 3) and destination (4 to 7), an IPv4 address as its IPv4-mapped IPv6 one. */
  readonly addresses = new Uint32Array(8);

  /** Edges of the selective acknowledgement's blocks, left and right in turn; `sackBlocks` of them are there. */
  readonly sackEdges = new Uint32Array(2 * MAX_SACK_BLOCKS);
  sackBlocks = 0;

  #data: Uint8Array = new Uint8Array(0);
  #end = 0;

  /** Reads a frame; any bytes will do. */
  read(frame: Frame): void {
    this.#data = frame.data;
    this.#end = frame.end;
    this.version = 0;
    this.addressed = false;
    this.hasPorts = false;
    this.payloadBytes = 0;
    this.sackBlocks = 0;
    this.protocol = 0;
    this.tcpFlags = 0;
    this.direction = frame.direction;
    this.ended = this.#readLink(frame.linkType, frame.start);
  }

  #readLink(linkType: number, at: number): number {
    const data = this.#data;
    switch (linkType) {
      case LINK.ethernet:
        return at + 14 > this.#end ? ENDED.short : this.#readTags(this.#word16(at + 12), at + 14);
      case LINK.cooked:
        if (at + 16 > this.#end) return ENDED.short;
        this.direction = this.#word16(at) === COOKED_OUTGOING ? DIRECTION.out : DIRECTION.in;
        return this.#readTags(this.#word16(at + 14), at + 16);
      case LINK.cooked2:
        if (at + 20 > this.#end) return ENDED.short;
        this.direction = data[at + 10] === COOKED_OUTGOING ? DIRECTION.out : DIRECTION.in;
        return this.#readTags(this.#word16(at), at + 20);
      case LINK.null:
      case LINK.loop:
        return at + 4 > this.#end ? ENDED.short : this.#readNetwork(this.#familyEthertype(at), at + 4);
      case LINK.ipv4:
        return this.#readNetwork(ETHERTYPE.ipv4, at);
      case LINK.ipv6:
        return this.#readNetwork(ETHERTYPE.ipv6, at);
      default:
        if (at >= this.#end) return ENDED.short;
        return this.#readNetwork(data[at]! >> 4 === 6 ? ETHERTYPE.ipv6 : ETHERTYPE.ipv4, at);
    }
  }

  /** The address family, in the byte order of whatever machine wrote it. */
  #familyEthertype(at: number): number {
    const family = this.#word16(at) === 0 ? this.#word16(at + 2) : this.#data[at]! | (this.#data[at + 1]! << 8);
    if (family === INET_FAMILY) return ETHERTYPE.ipv4;
    return INET6_FAMILIES.has(family) ? ETHERTYPE.ipv6 : NO_ETHERTYPE;
  }

  #readTags(first: number, from: number): number {
    let ethertype = first;
    let at = from;
    for (let tags = 0; tags < MAX_VLAN_TAGS; tags++) {
      if (ethertype !== ETHERTYPE.vlan && ethertype !== ETHERTYPE.serviceVlan) break;
      if (at + 4 > this.#end) return ENDED.short;
      ethertype = this.#word16(at + 2);
      at += 4;
    }
    return this.#readNetwork(ethertype, at);
  }

  #readNetwork(ethertype: number, at: number): number {
    if (ethertype === ETHERTYPE.ipv4) return this.#readIpv4(at);
    if (ethertype === ETHERTYPE.ipv6) return this.#readIpv6(at);
    return ENDED.notIp;
  }

  #readIpv4(at: number): number {
    this.version = 4;
    const data = this.#data;
    if (at + 20 > this.#end) return ENDED.short;
    const headerBytes = (data[at]! & 0x0f) * 4;
    if (data[at]! >> 4 !== 4 || headerBytes < 20) return ENDED.malformed;
    const addresses = this.addresses;
    addresses[0] = addresses[1] = addresses[4] = addresses[5] = 0;
    addresses[2] = addresses[6] = IPV4_MAPPED;
    addresses[3] = this.#word32(at + 12);
    addresses[7] = this.#word32(at + 16);
    this.protocol = data[at + 9]!;
    const next = at + headerBytes;
    if (next > this.#end) return ENDED.short;
    this.addressed = true;
    if (this.#word16(at + 6) & 0x1fff) return ENDED.read;
    return this.#readTransport(next, this.#word16(at + 2) - headerBytes);
  }

  #readIpv6(from: number): number {
    this.version = 6;
    const data = this.#data;
    if (from + 40 > this.#end) return ENDED.short;
    if (data[from]! >> 4 !== 6) return ENDED.malformed;
    for (let i = 0; i < 8; i++) this.addresses[i] = this.#word32(from + 8 + 4 * i);
    let left = this.#word16(from + 4);
    let next = data[from + 6]!;
    let at = from + 40;
    for (let headers = 0; isExtension(next); headers++) {
      if (headers === MAX_EXTENSION_HEADERS) return ENDED.malformed;
      if (at + 8 > this.#end) return ENDED.short;
      const laterFragment = next === EXTENSION.fragment && (this.#word16(at + 2) & 0xfff8) !== 0;
      const bytes = next === EXTENSION.fragment ? 8 : (data[at + 1]! + 1) * 8;
      next = data[at]!;
      if (laterFragment) {
        this.protocol = next;
        this.addressed = true;
        return ENDED.read;
      }
      at += bytes;
      left -= bytes;
      if (at > this.#end) return ENDED.short;
    }
    this.protocol = next;
    this.addressed = true;
    return this.#readTransport(at, left);
  }

  /** @param bytes what the IP length leaves for the transport header and its payload */
  #readTransport(at: number, bytes: number): number {
    if (this.protocol === PROTOCOL.tcp) {
      if (at + 20 > this.#end) return ENDED.short;
      const headerBytes = (this.#data[at + 12]! >> 4) * 4;
      this.tcpFlags = this.#data[at + 13]!;
      this.payloadBytes = Math.max(bytes - headerBytes, 0);
      this.sequence = this.#word32(at + 4);
      this.acknowledgement = this.#word32(at + 8);
      if (headerBytes >= SHORTEST_HEADER_WITH_SACK) this.#readSack(at + 20, headerBytes - 20);
    } else if (this.protocol === PROTOCOL.udp) {
      if (at + 8 > this.#end) return ENDED.short;
    } else {
      return ENDED.read;
    }
    this.sourcePort = this.#word16(at);
    this.destinationPort = this.#word16(at + 2);
    this.hasPorts = true;
    return ENDED.read;
  }

  /** The option of RFC 2018, where all stacks put it: on a word's border behind two NOPs. The last such place counts. */
  #readSack(at: number, bytes: number): void {
    const data = this.#data;
    let found = 0;
    let last = 0;
    for (let offset = 0; offset <= LAST_SACK_OFFSET; offset += 4) {
      if (at + offset + 4 > this.#end || offset + 4 > bytes) break;
      if (data[at + offset] !== NOP || data[at + offset + 1] !== NOP || data[at + offset + 2] !== SACK) continue;
      found = offset + 4;
      last = offset + 2 + data[at + offset + 3]!;
    }
    if (found === 0 || last > bytes) return;
    for (let block = 0; block < MAX_SACK_BLOCKS; block++) {
      const edges = found + 8 * block;
      if (at + edges + 8 > this.#end || edges + 8 > last) return;
      this.sackEdges[2 * block] = this.#word32(at + edges);
      this.sackEdges[2 * block + 1] = this.#word32(at + edges + 4);
      this.sackBlocks = block + 1;
    }
  }

  #word16(at: number): number {
    return (this.#data[at]! << 8) | this.#data[at + 1]!;
  }

  #word32(at: number): number {
    const data = this.#data;
    return ((data[at]! << 24) | (data[at + 1]! << 16) | (data[at + 2]! << 8) | data[at + 3]!) >>> 0;
  }
}

const isExtension = (next: number): boolean =>
  next === EXTENSION.hopByHop ||
  next === EXTENSION.routing ||
  next === EXTENSION.fragment ||
  next === EXTENSION.destination;
