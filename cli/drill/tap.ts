/** A TAP device: an interface whose frames this process reads and writes. */
import { closeSync, openSync } from 'node:fs';
import koffi from 'koffi';

const DEVICE = '/dev/net/tun';
/** linux/if_tun.h and struct ifreq. */
const TUNSETIFF = 0x400454ca;
const IFF_TAP = 2;
const IFF_NO_PI = 0x1000;
const REQUEST = { size: 40, flags: 16, longestName: 15 } as const;

/**
 * Makes the interface in this network namespace; it may be moved to another and lives until the descriptor is closed.
 * @throws Error where the kernel has no TAP or this process no right to it
 */
export function openTap(name: string): number {
  const fd = openSync(DEVICE, 'r+');
  const request = Buffer.alloc(REQUEST.size);
  request.write(name, 0, REQUEST.longestName, 'latin1');
  request.writeUInt16LE(IFF_TAP | IFF_NO_PI, REQUEST.flags);
  const ioctl = koffi.load(null).func('int ioctl(int, unsigned long, ...)');
  if (ioctl(fd, TUNSETIFF, 'void *', request) < 0) {
    const { errno } = koffi.os;
    const code = Object.keys(errno).find((key) => errno[key] === koffi.errno());
    closeSync(fd);
    throw new Error(`${DEVICE}: ${name} cannot be made (${code})`);
  }
  return fd;
}
