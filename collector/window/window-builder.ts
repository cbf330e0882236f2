/** Makes windows from the frames of a capture, by docs/window.md and by the frames' own times. */
import type { NetworkWindow } from '../../contract/network-window.ts';
import { DIRECTION, type Frame } from '../capture/frame.ts';
import { Conversations } from './conversations.ts';
import type { LocalSide } from './local-side.ts';
import { ENDED, Packet, PROTOCOL, TCP } from './packet.ts';
import { PortSet } from './port-set.ts';
import { qualityOf } from './quality.ts';
import { RecentMemory } from './recent.ts';
import { RemoteAddresses } from './remote-addresses.ts';
import { RoundTrips } from './round-trips.ts';
import { newTally, type Tally } from './tally.ts';

/** Longest silence that is filled with empty windows; a longer one is between captures rather than within one. */
const LONGEST_SILENCE_S = 60;

export interface WindowBuilderSettings {
  readonly host: string;
  readonly group: string;
  readonly interface: string;
  /** Windows are this long and begin at its multiples; a capture does not say when it began or ended, only when its frames were. */
  readonly period_ms: number;
  /** Makes the identity of a window that begins then. */
  readonly identify: (start_ms: number) => string;
}

/** What a capture loses, by the names of LOSS_REASONS. */
export interface CaptureLosses {
  parse_error: number;
  truncated_frame: number;
  source_not_tracked: number;
  source_not_remembered: number;
  port_not_remembered: number;
  port_not_counted: number;
  conversation_evicted: number;
  flow_evicted: number;
  time_reversed: number;
}

export class WindowBuilder {
  readonly #settings: WindowBuilderSettings;
  readonly #local: LocalSide;
  readonly #period_us: number;
  readonly #packet = new Packet();
  readonly #conversations = new Conversations();
  readonly #remotes = new RemoteAddresses();
  readonly #ports = new PortSet();
  readonly #roundTrips = new RoundTrips();
  readonly #recent = new RecentMemory();
  readonly #onSilence: (from_ms: number, to_ms: number) => void;
  #tally: Tally = newTally();
  #start_us = Number.NaN;
  #latest_us = 0;
  #directionKnown: boolean;
  #finished: NetworkWindow[] = [];
  #parseErrors = 0;
  #truncated = 0;
  #reversed = 0;

  /** @param onSilence called for each silence too long to be filled */
  constructor(
    settings: WindowBuilderSettings,
    local: LocalSide,
    onSilence: (from_ms: number, to_ms: number) => void = () => {},
  ) {
    this.#settings = settings;
    this.#local = local;
    this.#directionKnown = local.known;
    this.#period_us = settings.period_ms * 1000;
    this.#onSilence = onSilence;
  }

  losses(): CaptureLosses {
    return {
      parse_error: this.#parseErrors,
      truncated_frame: this.#truncated,
      source_not_tracked: this.#remotes.notTracked,
      source_not_remembered: this.#recent.notRemembered,
      port_not_remembered: this.#recent.portsNotRemembered,
      port_not_counted: this.#remotes.portsNotCounted,
      conversation_evicted: this.#conversations.evicted,
      flow_evicted: this.#roundTrips.evicted,
      time_reversed: this.#reversed,
    };
  }

  /** Counts a frame; may finish windows before it. A frame older than the one before it counts in the current window. */
  add(frame: Frame): void {
    this.#advanceTo(frame.time_us);
    const tally = this.#tally;
    const packet = this.#packet;
    packet.read(frame);
    if (packet.ended === ENDED.short && frame.end - frame.start < frame.originalBytes) this.#truncated++;
    else if (packet.version !== 0 && packet.ended > ENDED.read) this.#parseErrors++;

    const isOut = this.#isOut(packet);
    tally.packets++;
    tally.bytes += frame.originalBytes;
    if (isOut) tally.bytesOut += frame.originalBytes;
    if (packet.addressed) this.#countIp(tally, packet, frame.originalBytes, isOut);
  }

  /** The windows that are finished since the last call, oldest first. */
  take(): NetworkWindow[] {
    const finished = this.#finished;
    this.#finished = [];
    return finished;
  }

  /** Finishes the last window; then `take` has it. */
  end(): void {
    if (!Number.isNaN(this.#start_us)) this.#finish();
    this.#start_us = Number.NaN;
  }

  #countIp(tally: Tally, packet: Packet, bytes: number, isOut: boolean): void {
    const { protocol } = packet;
    const isTcp = protocol === PROTOCOL.tcp;
    if (isTcp) tally.tcpPackets++;
    else if (protocol === PROTOCOL.udp) tally.udpPackets++;
    else if (protocol === (packet.version === 4 ? PROTOCOL.icmp : PROTOCOL.icmp6)) tally.icmpPackets++;
    const remote = this.#remotes.add(packet.addresses, isOut ? 4 : 0, bytes);
    if (!packet.hasPorts) return;
    if (isTcp) this.#roundTrips.add(packet, isOut, this.#latest_us);
    const isSyn = isTcp && (packet.tcpFlags & (TCP.syn | TCP.ack)) === TCP.syn;
    if (isSyn) tally.synPackets++;
    const opens = this.#conversations.opens(packet, this.#latest_us);
    if (opens) this.#ports.add(packet.destinationPort);
    if (isOut || remote < 0) return;
    if (isSyn) this.#remotes.addSyn(remote);
    if (opens) this.#remotes.addPort(remote, packet.destinationPort);
  }

  /** Out is what a local address sends to one that is not; the capture's own word goes first. */
  #isOut(packet: Packet): boolean {
    if (packet.direction !== DIRECTION.unknown) {
      if (this.#tally.packets === 0) this.#directionKnown = true;
      return packet.direction === DIRECTION.out;
    }
    if (!this.#local.known) {
      this.#directionKnown = false;
      return false;
    }
    return packet.addressed && this.#local.has(packet.addresses, 0) && !this.#local.has(packet.addresses, 4);
  }

  #advanceTo(time_us: number): void {
    if (time_us >= this.#latest_us) this.#latest_us = time_us;
    else this.#reversed++; // also where there is no time at all: NaN compares as false
    if (Number.isNaN(this.#start_us)) {
      this.#start_us = this.#boundary(this.#latest_us);
      return;
    }
    if (this.#latest_us < this.#start_us + this.#period_us) return;
    this.#finish();
    const next_us = this.#boundary(this.#latest_us);
    if (next_us - this.#start_us > LONGEST_SILENCE_S * 1e6) {
      this.#onSilence(this.#start_us / 1000, next_us / 1000);
      this.#start_us = next_us;
    }
    while (this.#start_us < next_us) this.#finish();
  }

  #boundary(time_us: number): number {
    return Math.floor(time_us / this.#period_us) * this.#period_us;
  }

  /** Puts the window where `take` finds it, and begins the next one. */
  #finish(): void {
    this.#finished.push(this.#window(this.#tally));
    this.#start_us += this.#period_us;
    if (this.#tally.packets === 0) return;
    this.#tally = newTally();
    this.#ports.clear();
    this.#remotes.clear();
    this.#roundTrips.clear();
  }

  #window(tally: Tally): NetworkWindow {
    const { host, group, period_ms, identify } = this.#settings;
    const duration_s = period_ms / 1000;
    const start_ms = this.#start_us / 1000;
    const transport = tally.tcpPackets + tally.udpPackets;
    const isKnown = this.#directionKnown;
    for (const [address, port] of this.#remotes.opened()) this.#recent.opened(address, [port], start_ms);
    return {
      id: identify(start_ms),
      host,
      group,
      interface: this.#settings.interface,
      start: new Date(start_ms).toISOString(),
      duration_s,
      packets: tally.packets,
      bytes: tally.bytes,
      packets_per_second: tally.packets / duration_s,
      bytes_per_second: tally.bytes / duration_s,
      bytes_in_per_second: isKnown ? (tally.bytes - tally.bytesOut) / duration_s : null,
      bytes_out_per_second: isKnown ? tally.bytesOut / duration_s : null,
      unique_ips: this.#remotes.unique(),
      unique_ports: this.#ports.size,
      tcp_packets: tally.tcpPackets,
      udp_packets: tally.udpPackets,
      icmp_packets: tally.icmpPackets,
      syn_packets: tally.synPackets,
      tcp_ratio: transport === 0 ? 0.5 : tally.tcpPackets / transport,
      ...qualityOf(this.#roundTrips.counts),
      sources: this.#remotes.busiest(),
      recent: this.#recent.at(
        start_ms + period_ms,
        duration_s,
        isKnown ? { in: tally.bytes - tally.bytesOut, out: tally.bytesOut } : null,
      ),
    };
  }
}
