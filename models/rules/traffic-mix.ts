/** Whether traffic is made of something else than usual, which is what tells a flood from a good day's customers. */

import type { LearnedNormal } from './learned-normal.ts';
import { type Observation, readable, tcpRatio } from './rule.ts';

/** Mean packet this many times smaller or larger than learned. */
const PACKET_SIZE_FACTOR = 4;
/** Share of SYNs among TCP packets this many times the learned one. */
const SYN_SHARE_FACTOR = 1.5;
/** Share of TCP further than this from the learned share. */
const TCP_SHARE_SHIFT = 0.4;
/** Addresses grow with customers; beyond this factor more than packets do, they are not customers. */
const SOURCES_PER_PACKET_FACTOR = 3;

/**
 * Says in words how the mix departs from the learned one, or null where it does not.
 * @param synShareLimit share of SYNs among TCP packets above which handshakes count as half-open
 */
export function brokenMix(observed: Observation, learned: LearnedNormal, synShareLimit: number): string | null {
  return (
    halfOpen(observed, learned, synShareLimit) ??
    packetSize(observed, learned) ??
    protocolShare(observed, learned) ??
    sources(observed, learned)
  );
}

function halfOpen(observed: Observation, learned: LearnedNormal, limit: number): string | null {
  const share = synShare(observed);
  if (share === null || share <= limit || !opensMore(observed, learned)) return null;
  return `${readable(share * 100)} % of TCP packets open a connection`;
}

/** Whether clearly more of the TCP packets open a connection than usual; true where either is not known. */
export function opensMore(observed: Observation, learned: LearnedNormal): boolean {
  const share = synShare(observed);
  const usualSyn = learned.median('syn_packets');
  const usualTcp = learned.median('tcp_packets');
  return share === null || !usualSyn || !usualTcp || share > SYN_SHARE_FACTOR * (usualSyn / usualTcp);
}

function synShare({ syn_packets, tcp_packets }: Observation): number | null {
  return syn_packets && tcp_packets ? syn_packets / tcp_packets : null;
}

function packetSize({ bytes_per_second, packets_per_second }: Observation, learned: LearnedNormal): string | null {
  const usualBytes = learned.median('bytes_per_second');
  const usualPackets = learned.median('packets_per_second');
  if (!bytes_per_second || !packets_per_second || !usualBytes || !usualPackets) return null;
  const size = bytes_per_second / packets_per_second;
  const factor = size / (usualBytes / usualPackets);
  if (factor < PACKET_SIZE_FACTOR && factor > 1 / PACKET_SIZE_FACTOR) return null;
  return `packets are ${readable(size)} B on average, usually ${readable(usualBytes / usualPackets)} B`;
}

function protocolShare(observed: Observation, learned: LearnedNormal): string | null {
  const share = tcpRatio(observed);
  const tcp = learned.median('tcp_packets');
  const udp = learned.median('udp_packets');
  if (share === null || tcp === null || udp === null || tcp + udp === 0) return null;
  const usual = tcp / (tcp + udp);
  if (Math.abs(share - usual) <= TCP_SHARE_SHIFT) return null;
  return `${readable(share * 100)} % of packets are TCP, usually ${readable(usual * 100)} %`;
}

function sources({ unique_ips, packets_per_second }: Observation, learned: LearnedNormal): string | null {
  const usualAddresses = learned.median('unique_ips');
  const usualPackets = learned.median('packets_per_second');
  if (!unique_ips || !packets_per_second || !usualAddresses || !usualPackets) return null;
  const growth = unique_ips / usualAddresses;
  if (growth <= (SOURCES_PER_PACKET_FACTOR * packets_per_second) / usualPackets) return null;
  return `${readable(unique_ips)} addresses, usually ${readable(usualAddresses)}`;
}
