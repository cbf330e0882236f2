/** The classic pcap format: a header of 24 bytes, then records of 16 bytes and a frame. draft-ietf-opsawg-pcap */
import type { CaptureFormat } from './capture-format.ts';
import { CaptureError, checkLengths, checkLinkType, newFrame, type OnFrame } from './frame.ts';

const HEADER_BYTES = 24;
const RECORD_BYTES = 16;
const LINK_TYPE_MASK = 0xffff;

export class PcapFormat implements CaptureFormat {
  needed = HEADER_BYTES;
  readonly #littleEndian: boolean;
  readonly #unitsPerMicrosecond: number;
  readonly #frame = newFrame();
  #inRecords = false;

  constructor(littleEndian: boolean, nanoseconds: boolean) {
    this.#littleEndian = littleEndian;
    this.#unitsPerMicrosecond = nanoseconds ? 1000 : 1;
  }

  read(data: Uint8Array, view: DataView, at: number, offset: number, onFrame: OnFrame): number {
    return this.#inRecords ? this.#readRecord(data, view, at, offset, onFrame) : this.#readHeader(view, at, offset);
  }

  #readHeader(view: DataView, at: number, offset: number): number {
    if (view.byteLength - at < HEADER_BYTES) return 0;
    const major = view.getUint16(at + 4, this.#littleEndian);
    if (major !== 2)
      throw new CaptureError(offset + 4, `pcap version ${major}, not 2`, 'Convert it with editcap -F pcap');
    this.#frame.linkType = view.getUint32(at + 20, this.#littleEndian) & LINK_TYPE_MASK;
    checkLinkType(this.#frame.linkType, offset + 20);
    this.#inRecords = true;
    return HEADER_BYTES;
  }

  #readRecord(data: Uint8Array, view: DataView, at: number, offset: number, onFrame: OnFrame): number {
    const available = view.byteLength - at;
    this.needed = RECORD_BYTES;
    if (available < RECORD_BYTES) return 0;
    const capturedBytes = view.getUint32(at + 8, this.#littleEndian);
    const originalBytes = view.getUint32(at + 12, this.#littleEndian);
    checkLengths(capturedBytes, originalBytes, offset);
    this.needed = RECORD_BYTES + capturedBytes;
    if (available < this.needed) return 0;
    const frame = this.#frame;
    frame.data = data;
    frame.start = at + RECORD_BYTES;
    frame.end = frame.start + capturedBytes;
    frame.originalBytes = originalBytes;
    const fraction = view.getUint32(at + 4, this.#littleEndian);
    frame.time_us = view.getUint32(at, this.#littleEndian) * 1e6 + Math.floor(fraction / this.#unitsPerMicrosecond);
    onFrame(frame);
    return this.needed;
  }
}
