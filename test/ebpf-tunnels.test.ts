/** A super-packet within a tunnel counts the bytes of the wire: outer and inner headers in each of its segments. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACK, Bench, ethernet, ipv4, ipv6, TCP, tcp, UDP, udp } from './ebpf-frames.ts';
import { missing, named } from './ebpf-machine.ts';

const reason = missing();
const [A, B, C, D] = ['192.0.2.1', '198.51.100.2', '203.0.113.7', '203.0.113.8'];
const [IPV4, IPV6, TEB] = [0x0800, 0x86dd, 0x6558];
const [IPIP, SIT, GRE, SCTP] = [4, 41, 47, 132];
const PAYLOAD = 2500;
const SEGMENT = 1000;

const two = (value: number): number[] => [value >> 8, value & 255];
const innerTcp = ipv4({ from: C, to: D, protocol: TCP }, tcp(40_000, 443, ACK, PAYLOAD));
const innerUdp = ipv4({ from: C, to: D, protocol: UDP }, udp(40_000, 443, PAYLOAD));
const innerTcp6 = ipv6('2001:db8::7', '2001:db8::8', TCP, tcp(40_000, 443, ACK, PAYLOAD));
const inFrame = (type: number, packet: number[]): number[] => [...ethernet(type, packet)];
const outer = (protocol: number, rest: number[]): Uint8Array =>
  ethernet(IPV4, ipv4({ from: A, to: B, protocol }, rest));
const inUdp = (port: number, rest: number[]): number[] => [...udp(50_000, port, rest.length).slice(0, 8), ...rest];
const VXLAN = [0x08, 0, 0, 0, 0, 0, 42, 0];
/** RFC 8926, with so many words of options. */
const geneve = (words: number, type: number): number[] => [
  ...[words, 0, ...two(type), 0, 0, 42, 0],
  ...new Array<number>(4 * words).fill(0),
];

describe.skipIf(reason)(named('super-packets in tunnels', reason), () => {
  let bench: Bench;
  beforeAll(() => {
    bench = new Bench();
  });
  afterAll(() => bench.close());

  it.each([
    ['TCP over VXLAN', outer(UDP, inUdp(4789, [...VXLAN, ...inFrame(IPV4, innerTcp)]))],
    ['UDP over VXLAN', outer(UDP, inUdp(4789, [...VXLAN, ...inFrame(IPV4, innerUdp)]))],
    ['IPv6 over VXLAN on the port of flannel', outer(UDP, inUdp(8472, [...VXLAN, ...inFrame(IPV6, innerTcp6)]))],
    [
      'VXLAN over IPv6',
      ethernet(IPV6, ipv6('2001:db8::1', '2001:db8::2', UDP, inUdp(4789, [...VXLAN, ...inFrame(IPV4, innerTcp)]))),
    ],
    ['GENEVE', outer(UDP, inUdp(6081, [...geneve(3, TEB), ...inFrame(IPV4, innerTcp)]))],
    ['GENEVE without Ethernet', outer(UDP, inUdp(6081, [...geneve(0, IPV4), ...innerTcp]))],
    ['GRE', outer(GRE, [0, 0, ...two(IPV4), ...innerTcp])],
    [
      'GRE with a checksum, key and number',
      outer(GRE, [0xb0, 0, ...two(IPV6), ...new Array(12).fill(0), ...innerTcp6]),
    ],
    ['GRE with Ethernet', outer(GRE, [0, 0, ...two(TEB), ...inFrame(IPV4, innerTcp)])],
    ['IPv4 in IPv4', outer(IPIP, innerTcp)],
    ['IPv6 in IPv4', outer(SIT, innerTcp6)],
  ])('%s repeats all headers', async (_, frame) => {
    bench.send('out', frame, { gso_size: SEGMENT, gso_segs: 3 });
    const headers = frame.length - PAYLOAD;
    expect(await bench.take()).toMatchObject({
      packets_out: 3,
      bytes_out: PAYLOAD + 3 * headers,
      parse_errors: 0,
      unique_ips: 1,
    });
    bench.send('out', frame, { gso_size: SEGMENT, gso_segs: 0 });
    expect(await bench.take()).toMatchObject({ packets_out: 3, bytes_out: PAYLOAD + 3 * headers });
  });

  it.each([
    ['UDP that is no tunnel', outer(UDP, udp(50_000, 443, PAYLOAD)), 14 + 20 + 8],
    [
      'what is neither TCP nor UDP inside',
      outer(GRE, [0, 0, ...two(IPV4), ...ipv4({ from: C, to: D, protocol: SCTP }, new Array(PAYLOAD).fill(0))]),
      14 + 20,
    ],
    ['a tunnel with its own tunnel', outer(IPIP, ipv4({ from: C, to: D, protocol: IPIP }, innerTcp)), 14 + 20],
  ])('%s repeats the outer headers', async (_, frame, headers) => {
    bench.send('in', frame, { gso_size: SEGMENT, gso_segs: 3 });
    expect(await bench.take()).toMatchObject({ packets_in: 3, bytes_in: frame.length + 2 * headers });
  });
});
