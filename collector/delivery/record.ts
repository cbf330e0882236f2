/** A record of the window log: length and CRC-32 (each 32 bits), the window's number (64 bits), the payload; little endian. */
import { crc32 } from 'node:zlib';

export const RECORD_HEADER_BYTES = 16;
const NUMBER_AT = 8;
/** A window is a few kilobytes at most; a longer record is damage. */
const MAX_PAYLOAD_BYTES = 256 * 1024;

export interface LogRecord {
  readonly number: number;
  readonly payload: Buffer;
}

/** The checksum covers the number and the payload. */
export function encodeRecord(number: number, payload: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(RECORD_HEADER_BYTES + payload.length);
  record.writeUInt32LE(payload.length, 0);
  record.writeBigUInt64LE(BigInt(number), NUMBER_AT);
  record.set(payload, RECORD_HEADER_BYTES);
  record.writeUInt32LE(crc32(record.subarray(NUMBER_AT)), 4);
  return record;
}

/** The record at `at`; null where it is cut or damaged. */
export function decodeRecord(data: Buffer, at: number): LogRecord | null {
  if (at + RECORD_HEADER_BYTES > data.length) return null;
  const bytes = data.readUInt32LE(at);
  const end = at + RECORD_HEADER_BYTES + bytes;
  if (bytes === 0 || bytes > MAX_PAYLOAD_BYTES || end > data.length) return null;
  if (crc32(data.subarray(at + NUMBER_AT, end)) !== data.readUInt32LE(at + 4)) return null;
  return {
    number: Number(data.readBigUInt64LE(at + NUMBER_AT)),
    payload: data.subarray(at + RECORD_HEADER_BYTES, end),
  };
}

/** Where the next whole record begins after damage at `from`; null where none follows. JSON is never taken for a length. */
export function nextRecordAt(data: Buffer, from: number): number | null {
  for (let at = from + 1; at + RECORD_HEADER_BYTES <= data.length; at++) if (decodeRecord(data, at)) return at;
  return null;
}
