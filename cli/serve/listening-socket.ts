/** The socket that the edge serves on. It stays open while one workerd ends and the next starts: who connects meanwhile waits. */
import { lookup } from 'node:dns/promises';
import ipaddr from 'ipaddr.js';
import { EdgeError } from '../edge/edge-error.ts';
import { requireFreePort } from '../edge/free-port.ts';
import { close, listen, steerConnections } from './libc.ts';

/** So many connections may wait to be accepted; the kernel's net.core.somaxconn may be less. */
const BACKLOG = 4096;

export class ListeningSocket {
  readonly fd: number;
  readonly port: number;
  readonly #address: Uint8Array;

  private constructor(address: Uint8Array, port: number) {
    const opened = listen(address, port, BACKLOG);
    this.fd = opened.fd;
    this.port = opened.port;
    this.#address = address;
  }

  /** @throws EdgeError where the address is none of this machine, or taken */
  static async open(host: string, port: number): Promise<ListeningSocket> {
    // Another process of this user could share the port in silence.
    if (port !== 0) await requireFreePort(host, port);
    try {
      const { address } = await lookup(host);
      return new ListeningSocket(Uint8Array.from(ipaddr.parse(address).toByteArray()), port);
    } catch (cause) {
      throw new EdgeError(`Cannot listen on ${host}: ${String(cause)}`, 'Choose another address with --host', {
        cause,
      });
    }
  }

  /**
   * Another socket on the same address, which every connection from now on goes to. Nobody accepts there yet, so they wait, while
   * those of this one are still served.
   */
  successor(): ListeningSocket {
    const next = new ListeningSocket(this.#address, this.port);
    // Only the two listen here, and the older one is number 0: the kernel moves the last one up when one closes.
    steerConnections(next.fd, 1);
    return next;
  }

  close(): void {
    close(this.fd);
  }
}
