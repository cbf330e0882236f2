/** Writes captures for tests: pcap and pcapng in every flavour that the reader takes. */

export interface WrittenFrame {
  readonly time_us: number;
  readonly bytes: Uint8Array;
  /** More than there are bytes: the capture cut the frame. */
  readonly originalBytes?: number;
}

class Writer {
  readonly #parts: Uint8Array[] = [];
  readonly #little: boolean;
  constructor(little: boolean) {
    this.#little = little;
  }
  u16(value: number): this {
    return this.#number(2, (view) => view.setUint16(0, value, this.#little));
  }
  u32(value: number): this {
    return this.#number(4, (view) => view.setUint32(0, value, this.#little));
  }
  u64(value: bigint): this {
    return this.#number(8, (view) => view.setBigUint64(0, value, this.#little));
  }
  raw(bytes: Uint8Array, align = 1): this {
    this.#parts.push(bytes, new Uint8Array((align - (bytes.length % align)) % align));
    return this;
  }
  done(): Buffer {
    return Buffer.concat(this.#parts);
  }
  #number(bytes: number, set: (view: DataView) => void): this {
    const view = new DataView(new ArrayBuffer(bytes));
    set(view);
    this.#parts.push(new Uint8Array(view.buffer));
    return this;
  }
}

export function writePcap(
  frames: readonly WrittenFrame[],
  { little = true, nanoseconds = false, linkType = 1 } = {},
): Buffer {
  const file = new Writer(little).u32(nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4);
  file.u16(2).u16(4).u32(0).u32(0).u32(262_144).u32(linkType);
  for (const { time_us, bytes, originalBytes } of frames) {
    const fraction = time_us % 1e6;
    file.u32(Math.floor(time_us / 1e6)).u32(nanoseconds ? fraction * 1000 : fraction);
    file
      .u32(bytes.length)
      .u32(originalBytes ?? bytes.length)
      .raw(bytes);
  }
  return file.done();
}

export interface NgInterface {
  readonly linkType: number;
  /** Exponent of ten; absent: microseconds by default. */
  readonly resolution?: number;
  readonly offset_s?: number;
}

export interface NgFrame extends WrittenFrame {
  readonly interface: number;
  readonly block: 'enhanced' | 'obsolete' | 'simple';
  readonly flags?: number;
}

/** One section. */
export function writePcapng(interfaces: readonly NgInterface[], frames: readonly NgFrame[], little = true): Buffer {
  const block = (type: number, body: Buffer): Buffer =>
    new Writer(little)
      .u32(type)
      .u32(body.length + 12)
      .raw(body)
      .u32(body.length + 12)
      .done();
  const part = (): Writer => new Writer(little);
  const blocks = [block(0x0a0d0d0a, part().u32(0x1a2b3c4d).u16(1).u16(0).u64(0xffffffffffffffffn).done())];
  for (const { linkType, resolution, offset_s } of interfaces) {
    const body = part().u16(linkType).u16(0).u32(0);
    if (resolution !== undefined) body.u16(9).u16(1).raw(Uint8Array.of(resolution), 4);
    if (offset_s !== undefined) body.u16(14).u16(8).u64(BigInt(offset_s));
    blocks.push(block(1, body.u16(0).u16(0).done()));
  }
  blocks.push(block(0x0bad, Buffer.alloc(400))); // a block nobody reads
  for (const frame of frames) blocks.push(ngFrame(frame, interfaces[frame.interface]!, part, block));
  return Buffer.concat(blocks);
}

function ngFrame(
  { time_us, bytes, originalBytes, interface: number, block: kind, flags }: NgFrame,
  { resolution = 6, offset_s = 0 }: NgInterface,
  part: () => Writer,
  block: (type: number, body: Buffer) => Buffer,
): Buffer {
  const original = originalBytes ?? bytes.length;
  if (kind === 'simple') return block(3, part().u32(bytes.length).raw(bytes, 4).done());
  const units = ((BigInt(time_us) - BigInt(offset_s) * 1_000_000n) * 10n ** BigInt(resolution)) / 1_000_000n;
  const body = kind === 'enhanced' ? part().u32(number) : part().u16(number).u16(0);
  body
    .u32(Number(units >> 32n))
    .u32(Number(units & 0xffffffffn))
    .u32(bytes.length)
    .u32(original)
    .raw(bytes, 4);
  if (flags !== undefined) body.u16(2).u16(4).u32(flags).u16(0).u16(0);
  return block(kind === 'enhanced' ? 6 : 2, body.done());
}

/** An Ethernet frame with IPv4 and TCP or UDP. */
export function frameOf(
  source: string,
  destination: string,
  {
    protocol = 6,
    sourcePort = 40_000,
    destinationPort = 80,
    flags = 0x02,
    payload = 0,
  }: { protocol?: number; sourcePort?: number; destinationPort?: number; flags?: number; payload?: number } = {},
): Buffer {
  const transport = protocol === 6 ? 20 : 8;
  const frame = Buffer.alloc(14 + 20 + transport + payload);
  frame.writeUInt16BE(0x0800, 12);
  frame[14] = 0x45;
  frame.writeUInt16BE(20 + transport + payload, 16);
  frame[23] = protocol;
  frame.set(source.split('.').map(Number), 26);
  frame.set(destination.split('.').map(Number), 30);
  frame.writeUInt16BE(sourcePort, 34);
  frame.writeUInt16BE(destinationPort, 36);
  if (protocol === 6) {
    frame[46] = 0x50;
    frame[47] = flags;
  }
  return frame;
}
