/**
 * The port that the edge serves on: a listening socket for each process that answers it, and who connects is led to one by chance. A
 * single socket would not do: whoever wakes first takes all who wait, and they stay.
 */
import { lookup } from 'node:dns/promises';
import ipaddr from 'ipaddr.js';
import { EdgeError } from '../edge/edge-error.ts';
import { requireFreePort } from '../edge/free-port.ts';
import { close, listen, steerConnections } from '../libc.ts';

/** So many connections may wait at each socket to be accepted; the kernel's net.core.somaxconn may be less. */
const BACKLOG = 4096;

export class ListeningPort {
  readonly number: number;
  readonly #address: Uint8Array;
  /** Descriptors, in the order in which the kernel counts the sockets of this address. */
  readonly #sockets: number[] = [];

  private constructor(address: Uint8Array, port: number) {
    this.#address = address;
    const { fd, port: number } = listen(address, port, BACKLOG);
    this.#sockets.push(fd);
    this.number = number;
  }

  /**
   * @param port 0: any free one
   * @throws EdgeError where the address is none of this machine, or taken
   */
  static async open(host: string, port: number, sockets: number): Promise<ListeningPort> {
    // Another process of this user could share the port in silence.
    if (port !== 0) await requireFreePort(host, port);
    try {
      const { address } = await lookup(host);
      const opened = new ListeningPort(Uint8Array.from(ipaddr.parse(address).toByteArray()), port);
      opened.#listen(sockets - 1);
      return opened;
    } catch (cause) {
      throw new EdgeError(`Cannot listen on ${host}: ${String(cause)}`, 'Choose another address with --host', {
        cause,
      });
    }
  }

  /** Of the sockets that stand. */
  get sockets(): readonly number[] {
    return this.#sockets;
  }

  /** So many sockets more, which every connection from now on goes to. Nobody accepts there yet, so they wait. */
  add(count: number): number[] {
    const added = this.#listen(count);
    this.steer(added);
    return added;
  }

  /** From now on connections go to these sockets only, to each as often. Those that wait at others stay there. */
  steer(sockets: readonly number[]): void {
    const [first] = sockets;
    if (first === undefined) return;
    steerConnections(
      first,
      sockets.map((fd) => this.#sockets.indexOf(fd)),
    );
  }

  /** Closes every socket but these, where nobody is led any more. Who waits at a closed one is sent away. */
  keepOnly(kept: readonly number[]): void {
    for (const fd of this.#sockets.filter((other) => !kept.includes(other))) {
      const moved = this.#sockets.at(-1) ?? fd;
      // The kernel puts its last socket where the closed one stood; meanwhile nobody is led there.
      this.steer(kept.filter((other) => other !== moved));
      close(fd);
      this.#sockets[this.#sockets.indexOf(fd)] = moved;
      this.#sockets.pop();
    }
    this.steer(kept);
  }

  close(): void {
    for (const fd of this.#sockets.splice(0)) close(fd);
  }

  #listen(count: number): number[] {
    const added = Array.from({ length: count }, () => listen(this.#address, this.number, BACKLOG).fd);
    this.#sockets.push(...added);
    return added;
  }
}
