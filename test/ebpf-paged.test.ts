/** Headers that do not lie in the linear part of a socket buffer are read all the same: a TAP device hands such buffers to the kernel. */
import { closeSync, openSync, writeSync } from 'node:fs';
import koffi from 'koffi';
import { describe, expect, it } from 'vitest';
import { ethernet, ipv4, ipv6, SYN, TCP, tcp, UDP, udp } from './ebpf-frames.ts';
import { observe } from './ebpf-link.ts';
import { missing, named, sh } from './ebpf-machine.ts';

const TUNSETIFF = 0x400454ca;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
const VNET_HEADER_BYTES = 10;
const NAME = 'vgktap';

const ioctl = koffi.load(null).func('int ioctl(int, unsigned long, ...)');

/** Opens a TAP device whose frames are preceded by a struct virtio_net_hdr. @returns undefined where the kernel has none */
function openTap(): number | undefined {
  try {
    const fd = openSync('/dev/net/tun', 'r+');
    const request = Buffer.alloc(40);
    request.write(NAME);
    request.writeUInt16LE(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, 16);
    if (ioctl(fd, TUNSETIFF, 'void *', request) === 0) return fd;
    closeSync(fd);
  } catch (error) {
    if (!/ENOENT|ENODEV|EPERM|EACCES/.test(String(error))) throw error;
  }
  return undefined;
}

const lack = missing('ip', 'tc', 'sysctl');
const tap = lack ? undefined : openTap();
const reason = lack || (tap === undefined ? 'needs /dev/net/tun' : '');

describe.skipIf(reason)(named('a buffer whose linear part ends after the link header', reason), () => {
  it('is counted like any other, by addresses, ports and flags', async () => {
    if (tap === undefined) return;
    try {
      sh('sysctl', '-qw', `net.ipv6.conf.${NAME}.disable_ipv6=1`);
      sh('ip', 'link', 'set', NAME, 'up');
      const inject = (frame: Uint8Array) => {
        const header = Buffer.alloc(VNET_HEADER_BYTES);
        // hdr_len: how much the kernel copies into the linear part; only buffers over a page are split at all.
        header.writeUInt16LE(14, 2);
        writeSync(tap, Buffer.concat([header, frame]));
      };
      const { windows, source } = await observe({ interface: NAME }, async () => {
        inject(ethernet(0x0800, ipv4({ from: '192.0.2.1', to: '192.0.2.2', protocol: TCP }, tcp(999, 80, SYN, 9000))));
        inject(ethernet(0x0800, ipv4({ from: '192.0.2.3', to: '192.0.2.2', protocol: UDP }, udp(999, 53, 9000))));
        inject(ethernet(0x86dd, ipv6('2001:db8::1', '2001:db8::2', TCP, tcp(999, 443, SYN, 9000))));
      });
      expect(source.losses().parse_error).toBe(0);
      expect(windows[0]).toMatchObject({
        tcp_packets: 2,
        udp_packets: 1,
        syn_packets: 2,
        unique_ips: 3,
        unique_ports: 3,
      });
      expect(windows[0]?.bytes).toBe(3 * 9000 + 2 * 54 + 14 + 20 + 8 + 20);
    } finally {
      closeSync(tap);
    }
  });
});
