/** Round trips and loss of TCP, read from what passes by: "Network quality" of docs/window.md. The kernel's reading is quality.h. */
import { mix } from './conversations.ts';
import { type Packet, TCP } from './packet.ts';
import { noQuality, type QualityCounts } from './quality.ts';

/** The longest silent one makes room. */
const MAX_FLOWS = 32_768;
const LONGEST_RTT_US = 10e6;
/** A segment of less need not be acknowledged soon: RFC 9293, default MSS. */
const SHORTEST_TIMED_BYTES = 536;
const CLOSE_BEHIND_US = 1000;
const SHORTEST_TIMEOUT_US = 10_000;
/** Segments sent again that are followed at once, of one connection. */
const MOST_FOLLOWED = 4;
const NO_ROUND_TRIP = -1;
/** How much of the difference the shortest of the latest round trips rises with each that is longer. */
const SHORTEST_RISES = 1 / 32;
/** A side that was silent for longer is no loss. */
const FORGOTTEN_US = 120e6;

const TIMING = {
  none: 0,
  /** Timed once another full segment follows close behind: else the answer may be delayed on purpose. */
  lone: 1,
  timed: 2,
  /** Something before it was sent again: only a selective acknowledgement tells. */
  selective: 3,
} as const;

/** A segment that was sent again: its end, and when. */
interface Resent {
  readonly end: number;
  readonly left_us: number;
}

/** The side of a connection that sends. */
interface Flow {
  timing: number;
  /** The sequence number that is waited for, and when it left. */
  target: number;
  left_us: number;
  /** Sequence number after the last byte sent. */
  highest: number;
  acknowledged: number;
  /** RFC 6582: what must be acknowledged before the recovery is over. */
  recovery: number;
  recovering: boolean;
  sent_us: number;
  rtt_us: number;
  shortestRtt_us: number;
  /** The last segments that were sent again and not yet acknowledged. */
  resent: Resent[];
}

/** Whether one sequence number comes before another (RFC 9293, 3.4). */
const before = (one: number, other: number): boolean => ((one - other) | 0) < 0;

export class RoundTrips {
  readonly #flows = new Map<number, Flow>();
  counts: QualityCounts = noQuality();
  /** Sides that made room for others within two minutes of their last segment. */
  evicted = 0;

  /** Begins a new window; what is known of connections stays. */
  clear(): void {
    this.counts = noQuality();
  }

  /** Takes a TCP packet whose ports are known; `now_us` never steps back. */
  add(packet: Packet, isOut: boolean, now_us: number): void {
    if (packet.tcpFlags & TCP.rst) return;
    if (isOut) this.#sent(packet, now_us);
    else if (packet.tcpFlags & TCP.ack) this.#acknowledged(packet, now_us);
  }

  #sent(packet: Packet, now_us: number): void {
    const isSyn = (packet.tcpFlags & TCP.syn) !== 0;
    const bytes = packet.payloadBytes;
    const answersSyn = isSyn && (packet.tcpFlags & TCP.ack) !== 0;
    if (!isSyn && bytes === 0) return;
    if (!isSyn) this.counts.segments_sent++;
    const end = (packet.sequence + bytes + (isSyn ? 1 : 0)) | 0;
    const isFull = bytes >= SHORTEST_TIMED_BYTES;
    const timing = answersSyn ? TIMING.none : isSyn ? TIMING.timed : isFull ? TIMING.lone : TIMING.none;
    const key = flowKey(packet, 0, packet.sourcePort, packet.destinationPort);
    const flow = this.#flows.get(key);
    // What others ask for makes nothing known, but ends what was known of an earlier connection from the same port.
    if (answersSyn && (!flow || flow.highest === end)) return;
    if (!flow || (isSyn && flow.highest !== end)) {
      this.#remember(key, {
        ...{ timing, target: end, left_us: now_us, highest: end, acknowledged: packet.sequence | 0, recovery: 0 },
        ...{ recovering: false, sent_us: now_us, rtt_us: NO_ROUND_TRIP },
        ...{ shortestRtt_us: NO_ROUND_TRIP, resent: [] },
      });
      return;
    }
    this.#remember(key, flow);
    if (before(flow.highest, end)) {
      const age_us = now_us - flow.left_us;
      flow.highest = end;
      flow.sent_us = now_us;
      if (flow.timing === TIMING.lone && isFull && age_us <= Math.max(flow.rtt_us / 16, CLOSE_BEHIND_US)) {
        flow.timing = TIMING.timed;
      } else if (flow.timing <= TIMING.lone || age_us > LONGEST_RTT_US) {
        Object.assign(flow, { timing, target: end, left_us: now_us });
      }
      return;
    }
    // Below the highest without a sign of loss: it was overtaken on its way to us.
    if (!isSyn && !flow.recovering && now_us - flow.sent_us < Math.max(flow.rtt_us, SHORTEST_TIMEOUT_US)) return;
    if (!isSyn) this.counts.segments_resent++;
    flow.sent_us = now_us;
    flow.recovering = true;
    flow.recovery = flow.highest;
    this.#followResent(flow, end, now_us);
    if (!before(end, flow.target)) {
      if (before(packet.sequence, flow.target)) flow.timing = TIMING.none;
    } else if (flow.timing === TIMING.lone) {
      flow.timing = TIMING.none;
    } else if (flow.timing === TIMING.timed) {
      flow.timing = TIMING.selective;
    }
  }

  #acknowledged(packet: Packet, now_us: number): void {
    const flow = this.#flows.get(flowKey(packet, 4, packet.destinationPort, packet.sourcePort));
    if (!flow) return;
    const acknowledgement = packet.acknowledgement | 0;
    if (flow.timing !== TIMING.none) {
      const arrived = selects(packet, flow.target);
      if (arrived || !before(acknowledgement, flow.target)) {
        const counts = flow.timing === TIMING.timed || (flow.timing === TIMING.selective && arrived);
        if (counts) this.#addRoundTrip(flow, now_us - flow.left_us);
        flow.timing = TIMING.none;
      }
    }
    flow.resent = flow.resent.filter(({ end, left_us }) => {
      if (before(acknowledgement, end) && !selects(packet, end)) return true;
      this.counts.resent_followed++;
      const isEarly = now_us - left_us < flow.shortestRtt_us * (7 / 8);
      if (isEarly || cameTwice(packet, end)) this.counts.resent_needless++;
      return false;
    });
    if (before(flow.acknowledged, acknowledgement)) {
      flow.acknowledged = acknowledgement;
      if (!before(acknowledgement, flow.recovery)) flow.recovering = false;
    } else if (
      acknowledgement === flow.acknowledged &&
      packet.payloadBytes === 0 &&
      !(packet.tcpFlags & (TCP.syn | TCP.fin)) &&
      before(acknowledgement, flow.highest) &&
      !flow.recovering
    ) {
      flow.recovering = true;
      flow.recovery = flow.highest;
    }
  }

  #addRoundTrip(flow: Flow, rtt_us: number): void {
    if (rtt_us > LONGEST_RTT_US) return;
    const { counts } = this;
    counts.rtt_samples++;
    counts.rtt_sum_us += rtt_us;
    counts.rtt_max_us = Math.max(counts.rtt_max_us, rtt_us);
    if (flow.rtt_us !== NO_ROUND_TRIP) {
      counts.rtt_changes++;
      counts.rtt_change_sum_us += Math.abs(rtt_us - flow.rtt_us);
    }
    flow.rtt_us = rtt_us;
    // It rises slowly with a path that has become longer: else every late answer on that would look like one to the second sending.
    if (flow.shortestRtt_us === NO_ROUND_TRIP || rtt_us < flow.shortestRtt_us) flow.shortestRtt_us = rtt_us;
    else flow.shortestRtt_us += (rtt_us - flow.shortestRtt_us) * SHORTEST_RISES;
  }

  /**
   * Follows a segment that was sent again until it is acknowledged. An answer sooner than any round trip is one to the first
   * sending: it was not lost, only late (the idea of RFC 3522, without time stamps).
   */
  #followResent(flow: Flow, end: number, now_us: number): void {
    if (flow.shortestRtt_us === NO_ROUND_TRIP) return;
    const others = flow.resent.filter((resent) => resent.end !== end && now_us - resent.left_us <= LONGEST_RTT_US);
    if (others.length < flow.resent.length && flow.resent.some((resent) => resent.end === end))
      this.counts.resent_followed++;
    flow.resent = others;
    if (others.length < MOST_FOLLOWED) others.push({ end, left_us: now_us });
  }

  #remember(key: number, flow: Flow): void {
    this.#flows.delete(key);
    this.#flows.set(key, flow);
    if (this.#flows.size <= MAX_FLOWS) return;
    for (const [oldest, { sent_us }] of this.#flows) {
      this.#flows.delete(oldest);
      if (flow.sent_us - sent_us <= FORGOTTEN_US) this.evicted++;
      return;
    }
  }
}

/** RFC 2883: the first block tells of bytes that came twice where it lies below the acknowledgement or within the second block. */
function cameTwice({ sackBlocks, sackEdges, acknowledgement }: Packet, end: number): boolean {
  const [left = 0, right = 0, secondLeft = 0, secondRight = 0] = sackEdges;
  if (sackBlocks === 0 || !before(left, end) || before(right, end)) return false;
  if (!before(acknowledgement, right)) return true;
  const isSecond = sackBlocks > 1 && before(secondLeft, secondRight);
  return isSecond && !before(left, secondLeft) && !before(secondRight, right);
}

/** Whether the bytes before `target` have arrived, by a block of the selective acknowledgement. */
function selects({ sackBlocks, sackEdges }: Packet, target: number): boolean {
  for (let block = 0; block < sackBlocks; block++) {
    if (before(sackEdges[2 * block]!, target) && !before(sackEdges[2 * block + 1]!, target)) return true;
  }
  return false;
}

/** 53 bits of the sending side's address and port and the other one's. */
function flowKey({ addresses }: Packet, sender: 0 | 4, senderPort: number, receiverPort: number): number {
  let high = mix(senderPort);
  let low = mix(receiverPort + 0x10000);
  for (let i = 0; i < 4; i++) {
    high = mix(high ^ addresses[sender + i]!);
    low = mix(low ^ addresses[(sender ^ 4) + i]!);
  }
  low = mix(low ^ high);
  high = mix(high ^ low);
  return (high >>> 11) * 2 ** 32 + (low >>> 0);
}
