/**
 * Learns from the beginning of a capture which side is local:
 *   1. per IP version, the address that takes part in most packets, if in at least three of four and in more than any other;
 *   2. where two tie (a capture of two hosts), the private one of them, else the one that conversations were opened to;
 *   3. else, where private and public addresses talk to each other, the private ones: a capture at the border of a site;
 *   4. else nobody: every frame counts as coming in, and bytes by direction stay null.
 * A capture that states directions itself (Linux cooked, flags of pcapng) needs none of this.
 */
import type { Frame } from '../capture/frame.ts';
import { Conversations } from './conversations.ts';
import { addressPrefix, LocalSide, type Prefix, parsePrefix } from './local-side.ts';
import { Packet } from './packet.ts';

/** Addresses that are told apart while learning; a flood's own address was there long before. */
const MAX_ADDRESSES = 65_536;
const LEAST_SHARE = 0.75;
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', 'fc00::/7', 'fe80::/10'].map(
  parsePrefix,
);
const privateSide = new LocalSide(PRIVATE);

interface Candidate {
  readonly prefix: Prefix;
  readonly version: number;
  readonly isPrivate: boolean;
  packets: number;
  /** Conversations that others opened to it. */
  opened: number;
}

export class LocalSideLearner {
  readonly #packet = new Packet();
  readonly #conversations = new Conversations();
  readonly #candidates = new Map<string, Candidate>();
  readonly #packets = { 4: 0, 6: 0 };
  /** Packets between a private and a public address. */
  #crossing = 0;

  add(frame: Frame): void {
    const packet = this.#packet;
    packet.read(frame);
    if (!packet.addressed || (packet.version !== 4 && packet.version !== 6)) return;
    this.#packets[packet.version]++;
    const opens = packet.hasPorts && this.#conversations.opens(packet, 0);
    const source = this.#candidate(0);
    const destination = this.#candidate(4);
    if (source) source.packets++;
    if (destination) {
      destination.packets++;
      if (opens) destination.opened++;
    }
    if (privateSide.has(packet.addresses, 0) !== privateSide.has(packet.addresses, 4)) this.#crossing++;
  }

  learned(): LocalSide {
    const own = ([4, 6] as const).flatMap((version) => this.#own(version) ?? []);
    if (own.length > 0) return new LocalSide(own);
    return new LocalSide(2 * this.#crossing > this.#packets[4] + this.#packets[6] ? PRIVATE : []);
  }

  #candidate(at: number): Candidate | undefined {
    const { addresses, version } = this.#packet;
    const key = `${addresses[at]},${addresses[at + 1]},${addresses[at + 2]},${addresses[at + 3]}`;
    let candidate = this.#candidates.get(key);
    if (!candidate && this.#candidates.size < MAX_ADDRESSES) {
      const isPrivate = privateSide.has(addresses, at);
      candidate = { prefix: addressPrefix(addresses, at), version, isPrivate, packets: 0, opened: 0 };
      this.#candidates.set(key, candidate);
    }
    return candidate;
  }

  #own(version: 4 | 6): Prefix | null {
    const [first, second, third] = [...this.#candidates.values()]
      .filter((candidate) => candidate.version === version)
      .sort((a, b) => b.packets - a.packets);
    if (!first || first.packets < LEAST_SHARE * this.#packets[version]) return null;
    if (!second || second.packets < first.packets) return first.prefix;
    if (third?.packets === first.packets) return null;
    if (first.isPrivate !== second.isPrivate) return (first.isPrivate ? first : second).prefix;
    if (first.opened === second.opened) return null;
    return (first.opened > second.opened ? first : second).prefix;
  }
}
