/** What an interface has seen since the collector began to watch it. */
import type { Directions, Protocol, WindowCounts } from '../kernel/window-counts.ts';

export interface Traffic {
  readonly interface: string;
  readonly packets: Readonly<Record<Protocol, Directions>>;
  readonly bytes: Directions;
  readonly syn_packets: number;
}

/** Adds up windows. */
export class TrafficTotals {
  #sum: Omit<Traffic, 'interface'>;

  constructor() {
    const none = { in: 0, out: 0 };
    this.#sum = { packets: { tcp: none, udp: none, icmp: none, other: none }, bytes: none, syn_packets: 0 };
  }

  add({ by_direction, bytes_in, bytes_out, syn_packets }: WindowCounts): void {
    const { packets, bytes } = this.#sum;
    const sum = (one: Directions, other: Directions): Directions => ({
      in: one.in + other.in,
      out: one.out + other.out,
    });
    this.#sum = {
      packets: {
        tcp: sum(packets.tcp, by_direction.tcp),
        udp: sum(packets.udp, by_direction.udp),
        icmp: sum(packets.icmp, by_direction.icmp),
        other: sum(packets.other, by_direction.other),
      },
      bytes: sum(bytes, { in: bytes_in, out: bytes_out }),
      syn_packets: this.#sum.syn_packets + syn_packets,
    };
  }

  /** @param name what the interface is called */
  of(name: string): Traffic {
    return { interface: name, ...this.#sum };
  }
}
