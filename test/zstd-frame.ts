/** Frames of zstd (RFC 8878) as no compressor would write them: any window, any claim, any ratio. */

const MAGIC = [0x28, 0xb5, 0x2f, 0xfd];
const RAW = 0;
const RLE = 1;
/** The most that a block may hold, in bytes. */
export const BLOCK_BYTES = 128 * 1024;

interface Block {
  readonly type: typeof RAW | typeof RLE;
  readonly bytes: number;
  readonly data: readonly number[];
}

/** Window_Descriptor of section 3.1.1.1.2; `eighths` more of it are added. */
export const windowOf = (log: number, eighths = 0): number[] => [0x00, ((log - 10) << 3) | eighths];

/** No window but the content as a whole, of so many bytes as are claimed (Single_Segment_Flag). */
export function claimOf(bytes: bigint): number[] {
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(bytes);
  return [0xe0, ...size];
}

/** Text as it is. */
export const raw = (text: string): Block[] => [
  { type: RAW, bytes: Buffer.byteLength(text), data: [...Buffer.from(text)] },
];

/** So many blocks of 128 KiB of spaces, four bytes each. */
export const spaces = (blocks: number): Block[] => Array(blocks).fill({ type: RLE, bytes: BLOCK_BYTES, data: [0x20] });

export function zstdFrame(head: readonly number[], blocks: readonly Block[]): Uint8Array<ArrayBuffer> {
  const content = blocks.flatMap(({ type, bytes, data }, i) => {
    const header = (bytes << 3) | (type << 1) | (i === blocks.length - 1 ? 1 : 0);
    return [header & 0xff, (header >> 8) & 0xff, header >> 16, ...data];
  });
  return new Uint8Array([...MAGIC, ...head, ...content]);
}
