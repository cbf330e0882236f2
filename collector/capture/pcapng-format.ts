/** The pcapng format: blocks in sections, each section with its own interfaces. draft-ietf-opsawg-pcapng */
import type { CaptureFormat } from './capture-format.ts';
import {
  CaptureError,
  checkLengths,
  checkLinkType,
  DIRECTION,
  damaged,
  MAX_FRAME_BYTES,
  newFrame,
  type OnFrame,
} from './frame.ts';
import { type TimeUnit, timeUnit, toMicroseconds } from './pcapng-time.ts';

const SECTION = 0x0a0d0d0a;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const BLOCK = { interface: 1, obsoletePacket: 2, simplePacket: 3, enhancedPacket: 6 } as const;
const OPTION = { end: 0, packetFlags: 2, timeResolution: 9, timeOffset: 14 } as const;
const LARGEST_BLOCK = MAX_FRAME_BYTES + 65_536;
const MAX_INTERFACES = 4096;
const MICROSECONDS = 6;

interface Interface {
  readonly linkType: number;
  readonly snapLength: number;
  readonly unit: TimeUnit;
}

export class PcapngFormat implements CaptureFormat {
  needed = 12;
  #littleEndian = true;
  #interfaces: Interface[] = [];
  readonly #frame = newFrame();

  read(data: Uint8Array, view: DataView, at: number, offset: number, onFrame: OnFrame): number {
    const available = view.byteLength - at;
    this.needed = 12;
    if (available < 12) return 0;
    const type = view.getUint32(at, this.#littleEndian); // a section's type reads the same both ways
    if (type === SECTION) this.#littleEndian = byteOrder(view, at, offset);
    const bytes = view.getUint32(at + 4, this.#littleEndian);
    if (bytes < 12 || bytes % 4 !== 0) throw damaged(offset, `a block of ${bytes} bytes, which no block has`);
    if (!isRead(type)) return bytes;
    if (bytes > LARGEST_BLOCK) throw damaged(offset, `a block of ${bytes} bytes, longer than any with a frame`);
    this.needed = bytes;
    if (available < bytes) return 0;
    if (view.getUint32(at + bytes - 4, this.#littleEndian) !== bytes)
      throw damaged(offset, 'a block whose two lengths differ');
    const end = at + bytes - 4;
    if (type === SECTION) this.#beginSection(view, at, end, offset);
    else if (type === BLOCK.interface) this.#addInterface(view, at + 8, end, offset);
    else if (type === BLOCK.simplePacket) this.#readSimple(data, view, at + 8, end, offset, onFrame);
    else this.#readPacket(type, data, view, at + 8, end, offset, onFrame);
    return bytes;
  }

  #beginSection(view: DataView, at: number, end: number, offset: number): void {
    if (end - at < 24) throw damaged(offset, 'a section header that is too short');
    const major = view.getUint16(at + 12, this.#littleEndian);
    if (major !== 1)
      throw new CaptureError(offset, `pcapng version ${major}, not 1`, 'Convert it with editcap -F pcapng');
    this.#interfaces = [];
  }

  #addInterface(view: DataView, body: number, end: number, offset: number): void {
    if (end - body < 8) throw damaged(offset, 'an interface block that is too short');
    if (this.#interfaces.length >= MAX_INTERFACES) throw damaged(offset, `more than ${MAX_INTERFACES} interfaces`);
    let resolution = MICROSECONDS;
    let offset_s = 0;
    this.#options(view, body + 8, end, (code, at, length) => {
      if (code === OPTION.timeResolution && length === 1) resolution = view.getUint8(at);
      if (code === OPTION.timeOffset && length === 8) offset_s = Number(view.getBigInt64(at, this.#littleEndian));
    });
    this.#interfaces.push({
      linkType: view.getUint16(body, this.#littleEndian),
      snapLength: view.getUint32(body + 4, this.#littleEndian),
      unit: timeUnit(resolution, offset_s),
    });
  }

  /** Without interface, time or captured length of its own. */
  #readSimple(data: Uint8Array, view: DataView, body: number, end: number, offset: number, onFrame: OnFrame): void {
    if (end - body < 4) throw damaged(offset, 'a packet block that is too short');
    const source = this.#interface(0, offset);
    const originalBytes = view.getUint32(body, this.#littleEndian);
    const capturedBytes = source.snapLength === 0 ? originalBytes : Math.min(originalBytes, source.snapLength);
    this.#frame.time_us = Number.NaN;
    this.#frame.direction = DIRECTION.unknown;
    this.#deliver(data, body + 4, end, capturedBytes, originalBytes, source, offset, onFrame);
  }

  #readPacket(
    type: number,
    data: Uint8Array,
    view: DataView,
    body: number,
    end: number,
    offset: number,
    onFrame: OnFrame,
  ): void {
    if (end - body < 20) throw damaged(offset, 'a packet block that is too short');
    const little = this.#littleEndian;
    const number = type === BLOCK.obsoletePacket ? view.getUint16(body, little) : view.getUint32(body, little);
    const source = this.#interface(number, offset);
    const capturedBytes = view.getUint32(body + 12, little);
    this.#frame.time_us = toMicroseconds(
      view.getUint32(body + 4, little),
      view.getUint32(body + 8, little),
      source.unit,
    );
    this.#frame.direction = DIRECTION.unknown;
    const options = body + 20 + ((capturedBytes + 3) & ~3);
    if (options < end && capturedBytes <= MAX_FRAME_BYTES) this.#frame.direction = this.#direction(view, options, end);
    this.#deliver(data, body + 20, end, capturedBytes, view.getUint32(body + 16, little), source, offset, onFrame);
  }

  #deliver(
    data: Uint8Array,
    start: number,
    blockEnd: number,
    capturedBytes: number,
    originalBytes: number,
    source: Interface,
    offset: number,
    onFrame: OnFrame,
  ): void {
    checkLengths(capturedBytes, originalBytes, offset);
    checkLinkType(source.linkType, offset);
    const frame = this.#frame;
    frame.data = data;
    frame.start = start;
    frame.end = start + capturedBytes;
    if (frame.end > blockEnd) throw damaged(offset, `a frame of ${capturedBytes} bytes in a block that is shorter`);
    frame.originalBytes = originalBytes;
    frame.linkType = source.linkType;
    onFrame(frame);
  }

  #interface(number: number, offset: number): Interface {
    const found = this.#interfaces[number];
    if (!found) throw damaged(offset, `a frame of interface ${number}, which the section does not describe`);
    return found;
  }

  /** Bits 0 and 1 of the packet flags: 1 inbound, 2 outbound, as DIRECTION numbers them. */
  #direction(view: DataView, options: number, end: number): number {
    let direction: number = DIRECTION.unknown;
    this.#options(view, options, end, (code, at, length) => {
      if (code === OPTION.packetFlags && length === 4) direction = view.getUint32(at, this.#littleEndian) & 3;
    });
    return direction === 3 ? DIRECTION.unknown : direction;
  }

  /** Options that do not fit their block end the list: nothing of the frame depends on them. */
  #options(view: DataView, from: number, end: number, each: (code: number, at: number, length: number) => void): void {
    for (let at = from; at + 4 <= end; ) {
      const code = view.getUint16(at, this.#littleEndian);
      const length = view.getUint16(at + 2, this.#littleEndian);
      if (code === OPTION.end || at + 4 + length > end) return;
      each(code, at + 4, length);
      at += 4 + ((length + 3) & ~3);
    }
  }
}

const isRead = (type: number): boolean =>
  type === SECTION ||
  type === BLOCK.interface ||
  type === BLOCK.simplePacket ||
  type === BLOCK.enhancedPacket ||
  type === BLOCK.obsoletePacket;

function byteOrder(view: DataView, at: number, offset: number): boolean {
  if (view.getUint32(at + 8, true) === BYTE_ORDER_MAGIC) return true;
  if (view.getUint32(at + 8, false) === BYTE_ORDER_MAGIC) return false;
  throw damaged(offset, 'a section header without its byte-order magic');
}
