/** A record of the window log: length and CRC-32 of the payload (each 32 bits, little endian), then the payload. */
import { crc32 } from 'node:zlib';

export const RECORD_HEADER_BYTES = 8;
/** A window is a few kilobytes at most; a longer record is damage. */
export const MAX_PAYLOAD_BYTES = 256 * 1024;

export function encodeRecord(payload: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(RECORD_HEADER_BYTES + payload.length);
  record.writeUInt32LE(payload.length, 0);
  record.writeUInt32LE(crc32(payload), 4);
  record.set(payload, RECORD_HEADER_BYTES);
  return record;
}

/** The payload of the record at `at`; null where it is cut or damaged. */
export function decodeRecord(data: Buffer, at: number): Buffer | null {
  if (at + RECORD_HEADER_BYTES > data.length) return null;
  const bytes = data.readUInt32LE(at);
  const start = at + RECORD_HEADER_BYTES;
  if (bytes === 0 || bytes > MAX_PAYLOAD_BYTES || start + bytes > data.length) return null;
  const payload = data.subarray(start, start + bytes);
  return crc32(payload) === data.readUInt32LE(at + 4) ? payload : null;
}
