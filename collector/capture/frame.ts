/** One frame of a capture, and the link types that can be read. */

/** Link types as captures number them. https://www.tcpdump.org/linktypes.html */
export const LINK = {
  null: 0,
  ethernet: 1,
  rawBsd: 12,
  rawOpenBsd: 14,
  raw: 101,
  loop: 108,
  cooked: 113,
  ipv4: 228,
  ipv6: 229,
  cooked2: 276,
} as const;

const READABLE: ReadonlySet<number> = new Set(Object.values(LINK));

/** Longest frame that a capture may hold; libpcap's own limit (MAXIMUM_SNAPLEN). */
export const MAX_FRAME_BYTES = 262_144;

export const DIRECTION = { unknown: 0, in: 1, out: 2 } as const;

/** The frame that is being read. One object is filled again and again; keep nothing of it. */
export interface Frame {
  /** What holds the frame's bytes, from `start` to `end`. */
  data: Uint8Array;
  start: number;
  end: number;
  /** Length on the wire; more than `end - start` where the capture cut the frame. */
  originalBytes: number;
  /** Microseconds since 1970; NaN where the capture has no usable time for it. */
  time_us: number;
  linkType: number;
  /** One of DIRECTION, where the capture itself says so. */
  direction: number;
}

export type OnFrame = (frame: Frame) => void;

export const newFrame = (): Frame => ({
  data: new Uint8Array(0),
  start: 0,
  end: 0,
  originalBytes: 0,
  time_us: Number.NaN,
  linkType: LINK.ethernet,
  direction: DIRECTION.unknown,
});

/** A capture that cannot be read from some byte on; the frames before it were delivered. */
export class CaptureError extends Error {
  override readonly name = 'CaptureError';
  /** Offset in the capture, after gunzip. */
  readonly offset: number;
  readonly remedy: string;

  constructor(offset: number, what: string, remedy: string) {
    super(`at byte ${offset}: ${what}`);
    this.offset = offset;
    this.remedy = remedy;
  }
}

const DAMAGED = 'The file is damaged from there on; the frames before it were read';

export const damaged = (offset: number, what: string): CaptureError => new CaptureError(offset, what, DAMAGED);

/** @throws CaptureError where no frame can be that long */
export function checkLengths(capturedBytes: number, originalBytes: number, offset: number): void {
  if (capturedBytes > MAX_FRAME_BYTES || originalBytes > MAX_FRAME_BYTES) {
    throw damaged(
      offset,
      `a frame of ${Math.max(capturedBytes, originalBytes)} bytes, longer than any frame (${MAX_FRAME_BYTES})`,
    );
  }
}

/** @throws CaptureError naming the link type where its headers cannot be read */
export function checkLinkType(linkType: number, offset: number): void {
  if (READABLE.has(linkType)) return;
  throw new CaptureError(
    offset,
    `link type ${linkType} is not one that can be read (Ethernet, Linux cooked, raw IP, BSD loopback)`,
    'Capture on an Ethernet interface, or with tcpdump -i any',
  );
}
