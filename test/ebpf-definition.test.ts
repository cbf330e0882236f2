/** The eBPF programs count frames as docs/window.md says, frame by frame, without an interface. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readingOf } from './capture-reading.ts';
import {
  ACK,
  Bench,
  type Direction,
  ethernet,
  FIN,
  ICMP,
  ICMP6,
  ipv4,
  ipv6,
  PSH,
  RST,
  SYN,
  TCP,
  tcp,
  UDP,
  URG,
  udp,
} from './ebpf-frames.ts';
import { missing, named } from './ebpf-machine.ts';

const reason = missing();
const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const VLAN = 0x8100;
const QINQ = 0x88a8;
const A = '192.0.2.1';
const B = '198.51.100.2';

const v4 = (protocol: number, rest: number[], from = A, to = B, tags: number[] = []) =>
  ethernet(IPV4, ipv4({ from, to, protocol }, rest), tags);

describe.skipIf(reason)(named('the definition of a window, in the kernel', reason), () => {
  let bench: Bench;
  beforeAll(() => {
    bench = new Bench();
  });
  afterAll(() => bench.close());

  const counted = async (...frames: [Direction, Uint8Array][]) => {
    for (const [direction, frame] of frames) bench.send(direction, frame);
    return bench.take();
  };

  it('counts frames and their bytes by direction', async () => {
    const counts = await counted(['in', v4(TCP, tcp(1, 2, ACK, 10))], ['out', v4(UDP, udp(5, 6, 100))]);
    expect(counts).toMatchObject({
      packets_in: 1,
      bytes_in: 14 + 20 + 20 + 10,
      packets_out: 1,
      bytes_out: 14 + 20 + 108,
    });
  });

  it('takes the source of what comes in and the destination of what goes out as the remote address', async () => {
    const counts = await counted(
      ['in', v4(ICMP, [8, 0, 0, 0], A, B)],
      ['out', v4(ICMP, [0, 0, 0, 0], B, A)],
      ['out', v4(ICMP, [8, 0, 0, 0], B, '203.0.113.9')],
    );
    expect(counts.unique_ips).toBe(2);
    expect(counts.sources.map(({ ip, packets }) => [ip, packets])).toEqual([
      [A, 2],
      ['203.0.113.9', 1],
    ]);
  });

  it.each([
    ['TCP', v4(TCP, tcp(1, 2, ACK)), { tcp_packets: 1 }],
    ['UDP', v4(UDP, udp(1, 2)), { udp_packets: 1 }],
    ['ICMP', v4(ICMP, [8, 0, 0, 0]), { icmp_packets: 1 }],
    ['ICMPv6', ethernet(IPV6, ipv6('fe80::1', 'ff02::1', ICMP6, [135, 0, 0, 0])), { icmp_packets: 1 }],
    ['ICMPv6 over IPv4 as neither', v4(ICMP6, [8, 0, 0, 0]), { icmp_packets: 0, unique_ips: 1 }],
    ['GRE as none of them', v4(47, [0, 0, 8, 0]), { tcp_packets: 0, udp_packets: 0, icmp_packets: 0, unique_ips: 1 }],
    ['ARP as bytes only', ethernet(0x0806, new Array(28).fill(0)), { packets_in: 1, bytes_in: 42, unique_ips: 0 }],
    ['one VLAN tag', v4(TCP, tcp(1, 2, SYN), A, B, [VLAN]), { tcp_packets: 1, syn_packets: 1, bytes_in: 58 }],
    ['QinQ', v4(TCP, tcp(1, 2, SYN), A, B, [QINQ, VLAN]), { tcp_packets: 1, bytes_in: 62 }],
    [
      'a third tag as not IP',
      v4(TCP, tcp(1, 2, SYN), A, B, [QINQ, VLAN, VLAN]),
      { tcp_packets: 0, parse_errors: 0, bytes_in: 66 },
    ],
    [
      'IPv4 options',
      ethernet(IPV4, ipv4({ from: A, to: B, protocol: TCP, options: 40 }, tcp(1, 2, SYN))),
      { syn_packets: 1 },
    ],
    ['SYN with ACK as no SYN', v4(TCP, tcp(1, 2, SYN | ACK)), { syn_packets: 0 }],
    ['SYN with RST as a SYN', v4(TCP, tcp(1, 2, SYN | RST)), { syn_packets: 1, unique_ports: 0 }],
  ])('counts %s', async (_, frame, expected) => {
    expect(await counted(['in', frame])).toMatchObject({ parse_errors: 0, ...expected });
  });

  it('walks IPv6 extension headers, six at most', async () => {
    const options = (next: number, count: number, rest: number[]): number[] =>
      count === 0 ? rest : [count === 1 ? next : 60, 0, ...new Array(6).fill(0), ...options(next, count - 1, rest)];
    const six = ethernet(IPV6, ipv6('2001:db8::1', '2001:db8::2', 60, options(TCP, 6, tcp(9, 80, SYN))));
    expect(await counted(['in', six])).toMatchObject({ syn_packets: 1, unique_ports: 1, parse_errors: 0 });
    const seven = ethernet(IPV6, ipv6('2001:db8::1', '2001:db8::2', 60, options(TCP, 7, tcp(9, 80, SYN))));
    expect(await counted(['in', seven])).toMatchObject({
      packets_in: 1,
      tcp_packets: 0,
      unique_ips: 0,
      parse_errors: 1,
    });
  });

  it('counts every fragment for its protocol, and ports of the first only', async () => {
    const first = ethernet(IPV4, ipv4({ from: A, to: B, protocol: UDP, fragment: 0x2000 }, udp(9, 53, 24)));
    const later = ethernet(IPV4, ipv4({ from: A, to: B, protocol: UDP, fragment: 4 }, new Array(64).fill(7)));
    expect(await counted(['in', first], ['in', later])).toMatchObject({
      udp_packets: 2,
      unique_ports: 1,
      parse_errors: 0,
    });
    const later6 = ethernet(
      IPV6,
      ipv6('2001:db8::1', '2001:db8::2', 44, [UDP, 0, 0, 8, 0, 0, 0, 1, ...new Array(40).fill(7)]),
    );
    expect(await counted(['in', later6])).toMatchObject({ udp_packets: 1, unique_ports: 0, parse_errors: 0 });
  });

  it.each([
    [
      'IPv4 of version 5',
      ethernet(IPV4, [0x55, ...ipv4({ from: A, to: B, protocol: TCP }, tcp(1, 2, SYN)).slice(1)]),
      0,
    ],
    [
      'an IPv4 header of 16 bytes',
      ethernet(IPV4, [0x44, ...ipv4({ from: A, to: B, protocol: TCP }, tcp(1, 2, SYN)).slice(1)]),
      0,
    ],
    ['an IPv4 header that the frame cuts', v4(TCP, tcp(1, 2, SYN), A, B, [VLAN]).slice(0, 18 + 19), 0],
    [
      'IPv4 options that the frame cuts',
      ethernet(IPV4, ipv4({ from: A, to: B, protocol: TCP, options: 40 }, [])).slice(0, 14 + 40),
      0,
    ],
    [
      'an extension header that the frame cuts',
      ethernet(IPV6, ipv6('2001:db8::1', '::2', 60, [TCP, 3, 0, 0, 0, 0, 0, 0])),
      0,
    ],
    ['a TCP header of 19 bytes', v4(TCP, tcp(1, 2, SYN)).slice(0, 14 + 20 + 19), 1],
    ['a UDP header of 7 bytes', v4(UDP, udp(1, 2)).slice(0, 14 + 20 + 7), 1],
  ])('reports %s as a parse error', async (_, frame, unique_ips) => {
    const counts = await counted(['in', frame]);
    expect(counts).toMatchObject({ packets_in: 1, parse_errors: 1, unique_ips, unique_ports: 0, syn_packets: 0 });
    expect(counts.tcp_packets + counts.udp_packets).toBe(unique_ips);
  });

  it('counts segments by wire where one buffer stands for many', async () => {
    const frame = v4(TCP, tcp(1, 2, ACK | PSH, 2500));
    bench.send('in', frame, { gso_segs: 3, gso_size: 1000 });
    expect(await bench.take()).toMatchObject({ packets_in: 3, tcp_packets: 3, bytes_in: frame.length + 2 * 54 });
    bench.send('in', frame, { gso_segs: 0, gso_size: 1000 });
    expect(await bench.take()).toMatchObject({ packets_in: 3 });
  });

  it('counts VXLAN by its outer header, in both readings, and looks at nothing inside', async () => {
    const inner = [...v4(TCP, tcp(40_000, 22, SYN), '203.0.113.7', '203.0.113.8')];
    // RFC 7348, 5: a flag, 24 reserved bits, the network's number, 8 reserved bits.
    const vxlan = [0x08, 0, 0, 0, 0, 0, 42, 0];
    const between = (from: string, to: string): Uint8Array => {
      const header = udp(50_000, 4789, vxlan.length + inner.length).slice(0, 8);
      return v4(UDP, [...header, ...vxlan, ...inner], from, to);
    };
    const frames: [Direction, Uint8Array][] = [
      ['in', between(A, B)],
      ['out', between(B, A)],
    ];
    const bytes = 14 + 20 + 8 + 8 + 14 + 20 + 20;
    const shared = { tcp_packets: 0, udp_packets: 2, syn_packets: 0, unique_ips: 1, unique_ports: 1 };
    const sources = [{ ip: A, packets: 2, bytes: 2 * bytes, syn_packets: 0, unique_ports: 1 }];
    const kernel = { packets_in: 1, packets_out: 1, bytes_in: bytes, bytes_out: bytes, parse_errors: 0 };
    expect(await counted(...frames)).toMatchObject({ ...kernel, ...shared, sources });
    const { window, parse_errors } = readingOf(frames);
    expect({ ...window, parse_errors }).toMatchObject({
      packets: 2,
      bytes: 2 * bytes,
      ...shared,
      sources,
      parse_errors: 0,
    });
  });

  it('reads tunnels without a link header', async () => {
    const bare = new Bench(0);
    try {
      // The kernel takes bytes 12 and 13 for the EtherType: here they are the first half of the source address.
      bare.send('in', Uint8Array.from(ipv4({ from: '8.0.1.2', to: B, protocol: TCP }, tcp(1, 2, SYN))));
      const counts = await bare.take();
      expect(counts).toMatchObject({ packets_in: 1, bytes_in: 40, syn_packets: 1, parse_errors: 0 });
      expect(counts.sources[0]?.ip).toBe('8.0.1.2');
    } finally {
      bare.close();
    }
  });

  describe('conversations', () => {
    let port = 1000;
    const next = () => ++port;
    const there = (client: number, server: number, flags: number, payload = 0) =>
      v4(TCP, tcp(client, server, flags, payload), A, B);
    const back = (client: number, server: number, flags: number, payload = 0) =>
      v4(TCP, tcp(server, client, flags, payload), B, A);

    it.each([
      ['a SYN opens', SYN, 0, 1],
      ['a SYN with FIN opens', SYN | FIN, 0, 1],
      ['a FIN probe opens', FIN, 0, 1],
      ['a NULL probe opens', 0, 0, 1],
      ['an Xmas probe opens', FIN | PSH | URG, 0, 1],
      ['an ACK probe opens', ACK, 0, 1],
      ['a Maimon probe opens', FIN | ACK, 0, 1],
      ['data from before we looked does not open', ACK | PSH, 5, 0],
      ['a SYN-ACK does not open', SYN | ACK, 0, 0],
      ['a RST does not open', RST, 0, 0],
      ['a RST-ACK does not open', RST | ACK, 0, 0],
    ])('%s', async (_, flags, payload, unique_ports) => {
      const counts = await counted(['in', there(50_000, next(), flags, payload)]);
      expect(counts.unique_ports).toBe(unique_ports);
      expect(counts.sources[0]?.unique_ports).toBe(unique_ports);
    });

    it("a server's acknowledgement from before we looked does not open", async () => {
      expect((await counted(['in', back(50_000, next(), ACK)])).unique_ports).toBe(0);
      expect((await counted(['in', back(50_000, next(), FIN | ACK)])).unique_ports).toBe(0);
    });

    it('a whole conversation adds its port once, in the window of its SYN', async () => {
      const server = next();
      expect((await counted(['out', there(40_000, server, SYN)])).unique_ports).toBe(1);
      const rest = await counted(
        ['in', back(40_000, server, SYN | ACK)],
        ['out', there(40_000, server, ACK)],
        ['out', there(40_000, server, ACK | PSH, 100)],
        ['in', back(40_000, server, ACK)],
        ['in', back(40_000, server, ACK | PSH, 1000)],
        ['in', back(40_000, server, FIN | ACK)],
        ['out', there(40_000, server, FIN | ACK)],
      );
      expect(rest).toMatchObject({ unique_ports: 0, tcp_packets: 7 });
    });

    it('what we open ourselves is not charged to the remote address', async () => {
      const counts = await counted(['out', there(40_000, next(), SYN)]);
      expect(counts).toMatchObject({ unique_ports: 1, syn_packets: 1 });
      expect(counts.sources).toEqual([{ ip: B, packets: 1, bytes: 54, syn_packets: 0, unique_ports: 0 }]);
    });

    it('the first datagram of a UDP flow opens, its replies and successors do not', async () => {
      const client = next();
      const query: [Direction, Uint8Array] = ['out', v4(UDP, udp(client, 53), A, B)];
      const answer: [Direction, Uint8Array] = ['in', v4(UDP, udp(53, client), B, A)];
      expect((await counted(query, answer, query)).unique_ports).toBe(1);
      expect((await counted(answer, query)).unique_ports).toBe(0);
    });

    it('SYNs from 200,000 addresses push out no conversation that is under way', async () => {
      const server = next();
      const frame = there(44_444, server, ACK | PSH, 5);
      await counted(['in', frame]);
      const syn = there(1024, 80, SYN);
      const address = new DataView(syn.buffer, 14 + 12, 4);
      for (let i = 0; i < 200_000; i++) {
        address.setUint32(0, 0x0b000000 + i);
        bench.send('in', syn);
      }
      const flood = await bench.take();
      expect(flood.unique_ports).toBe(1);
      expect(flood.conversations_evicted).toBeGreaterThan(100_000);
      expect(flood.sources_not_tracked).toBeGreaterThan(100_000);
      expect(Math.abs(flood.unique_ips / 200_000 - 1)).toBeLessThan(0.07);
      expect((await counted(['in', there(44_444, server, ACK)])).unique_ports).toBe(0);
    }, 120_000);
  });

  describe('remote addresses', () => {
    it('are counted exactly up to 4,096, and so are their ports up to 16', async () => {
      const frame = v4(TCP, tcp(1024, 80, SYN));
      const view = new DataView(frame.buffer);
      for (let i = 0; i < 4096; i++) {
        view.setUint32(14 + 12, 0x0c000000 + i);
        bench.send('in', frame);
      }
      view.setUint32(14 + 12, 0x0c000000);
      for (let port = 1; port <= 15; port++) {
        view.setUint16(14 + 20 + 2, port * 1000);
        for (let again = 0; again < 3; again++) bench.send('in', frame);
      }
      const counts = await bench.take();
      expect(counts).toMatchObject({ unique_ips: 4096, unique_ports: 16, sources_not_tracked: 0 });
      expect(counts.sources[0]).toEqual({
        ip: '12.0.0.0',
        packets: 46,
        bytes: 46 * 54,
        syn_packets: 46,
        unique_ports: 16,
      });
      expect(counts.sources.slice(1).map(({ ip }) => ip)).toEqual(
        [1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => `12.0.0.${n}`),
      );
    });

    it('have their ports estimated beyond that', async () => {
      const frame = v4(TCP, tcp(1024, 80, SYN));
      const view = new DataView(frame.buffer);
      for (let port = 1; port <= 1000; port++) {
        view.setUint16(14 + 20 + 2, port * 61);
        bench.send('in', frame);
      }
      const [source] = (await bench.take()).sources;
      expect(Math.abs((source?.unique_ports ?? 0) / 1000 - 1)).toBeLessThan(0.15);
    });

    it('get in when they are busy, also during a flood of others', async () => {
      const frame = v4(UDP, udp(1, 9));
      const view = new DataView(frame.buffer);
      for (let i = 0; i < 60_000; i++) {
        view.setUint32(14 + 12, 0x0d000000 + i);
        bench.send('in', frame);
      }
      view.setUint32(14 + 12, 0x0e000001);
      bench.send('in', frame, { repeat: 5000 });
      expect((await bench.take()).sources[0]?.ip).toBe('14.0.0.1');
    }, 120_000);

    it('are the same over IPv4 and as IPv4-mapped IPv6', async () => {
      const counts = await counted(
        ['in', v4(ICMP, [8, 0, 0, 0])],
        ['in', ethernet(IPV6, ipv6(`::ffff:${A}`, '::2', ICMP6, [128, 0, 0, 0]))],
      );
      expect(counts.unique_ips).toBe(1);
      expect(counts.sources[0]?.ip).toBe(A);
    });
  });
});
