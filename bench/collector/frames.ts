/** The frames of the benchmarks: a mix as of a busy host, and a flood of SYNs. */
import { ACK, ethernet, ipv4, ipv6, PSH, SYN, TCP, tcp, UDP, udp } from '../../test/ebpf-frames.ts';

/** 20,000 frames of 2,000 conversations with 500 addresses: 60 % TCP data, 10 % SYN, 20 % UDP, 10 % IPv6. */
export function mix(): Uint8Array[] {
  return Array.from({ length: 20_000 }, (_, i) => {
    const from = `10.${i % 5}.1.${i % 100}`;
    const port = 20_000 + (i % 2000);
    const v4 = (protocol: number, rest: number[]) =>
      ethernet(0x0800, ipv4({ from, to: '198.51.100.2', protocol }, rest));
    if (i % 10 < 6) return v4(TCP, tcp(port, 443, ACK | PSH, 700));
    if (i % 10 < 7) return v4(TCP, tcp(port, 443, SYN));
    if (i % 10 < 9) return v4(UDP, udp(port, 53, 100));
    return ethernet(0x86dd, ipv6(`2001:db8::${i % 100}`, '2001:db8::1:1', TCP, tcp(port, 443, ACK | PSH, 700)));
  });
}

/** SYNs from 100,000 addresses, each once. */
export function flood(): Uint8Array[] {
  return Array.from({ length: 100_000 }, (_, i) => {
    const from = `11.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
    return ethernet(0x0800, ipv4({ from, to: '198.51.100.2', protocol: TCP }, tcp(1024 + (i % 60_000), 80, SYN)));
  });
}
