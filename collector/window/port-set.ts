/** The responder ports of one window; cleared in the time of what it holds. */
export class PortSet {
  readonly #isIn = new Uint8Array(65_536);
  readonly #ports = new Uint16Array(65_536);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(port: number): void {
    if (this.#isIn[port]) return;
    this.#isIn[port] = 1;
    this.#ports[this.#size++] = port;
  }

  clear(): void {
    while (this.#size > 0) this.#isIn[this.#ports[--this.#size]!] = 0;
  }
}
