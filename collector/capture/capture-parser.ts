/** Reads a capture from chunks of any size; holds no more of it than one record. */
import type { CaptureFormat } from './capture-format.ts';
import { CaptureError, type OnFrame } from './frame.ts';
import { PcapFormat } from './pcap-format.ts';
import { PcapngFormat } from './pcapng-format.ts';

const MAGIC_BYTES = 4;
const NO_CAPTURE = 'Give a pcap or pcapng file, such as tcpdump -w writes; gzip is fine';

/** The format that a capture's first four bytes name. */
function formatOf(magic: number): CaptureFormat | null {
  switch (magic) {
    case 0xa1b2c3d4:
      return new PcapFormat(false, false);
    case 0xd4c3b2a1:
      return new PcapFormat(true, false);
    case 0xa1b23c4d:
      return new PcapFormat(false, true);
    case 0x4d3cb2a1:
      return new PcapFormat(true, true);
    case 0x0a0d0d0a:
      return new PcapngFormat();
    default:
      return null;
  }
}

export class CaptureParser {
  readonly #onFrame: OnFrame;
  #format: CaptureFormat | null = null;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #needed = MAGIC_BYTES;
  /** Bytes to come that belong to a block nobody reads. */
  #toSkip = 0;
  /** Where the next record begins. */
  #offset = 0;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  /** @throws CaptureError; the frames before the damage were passed on */
  push(chunk: Uint8Array): void {
    const skipped = Math.min(this.#toSkip, chunk.length);
    this.#toSkip -= skipped;
    if (skipped < chunk.length) this.#pending.push(chunk.subarray(skipped));
    this.#pendingBytes += chunk.length - skipped;
    if (this.#pendingBytes < this.#needed || this.#pendingBytes === 0) return;
    const data = this.#pending.length === 1 ? this.#pending[0]! : Buffer.concat(this.#pending);
    const rest = this.#parse(data);
    this.#pending = rest < data.length ? [data.subarray(rest)] : [];
    this.#pendingBytes = data.length - rest;
  }

  /** @throws CaptureError where the capture ends within a record */
  end(): void {
    if (!this.#format && this.#pendingBytes === 0) throw new CaptureError(0, 'the capture is empty', NO_CAPTURE);
    if (!this.#format) throw new CaptureError(0, 'this is no capture', NO_CAPTURE);
    if (this.#toSkip === 0 && this.#pendingBytes === 0) return;
    const missing = this.#toSkip > 0 ? this.#toSkip : this.#needed - this.#pendingBytes;
    throw new CaptureError(
      this.#offset - this.#toSkip + this.#pendingBytes,
      `the capture is cut: ${missing} more bytes were to come`,
      'The frames before the cut were read; copy the file again if it should be whole',
    );
  }

  /** @returns how many bytes of `data` are done with */
  #parse(data: Uint8Array): number {
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    this.#format ??= formatOf(view.getUint32(0));
    if (!this.#format) throw new CaptureError(0, 'this is no capture', NO_CAPTURE);
    for (let at = 0; ; ) {
      const taken = this.#format.read(data, view, at, this.#offset, this.#onFrame);
      if (taken === 0) {
        this.#needed = this.#format.needed;
        return at;
      }
      this.#offset += taken;
      at += taken;
      if (at >= data.length) {
        this.#toSkip = at - data.length;
        this.#needed = 1;
        return data.length;
      }
    }
  }
}
