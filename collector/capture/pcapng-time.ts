/** Time stamps of pcapng: 64-bit counts of a unit that each interface states. draft-ietf-opsawg-pcapng, if_tsresol */

/** Past this (year 9999) a time stamp is no time. */
const LATEST_US = 253_402_300_799e6;

export interface TimeUnit {
  /** Units in a microsecond, exact, where they are a whole number up to a million; else null. */
  readonly perMicrosecond: number | null;
  /** Microseconds in a unit, for the rest. */
  readonly microseconds: number;
  readonly offset_s: number;
}

/** The unit of an `if_tsresol` byte: a power of ten, or of two where its highest bit is set. */
export function timeUnit(resolution: number, offset_s: number): TimeUnit {
  const exponent = resolution & 0x7f;
  if (resolution & 0x80) return { perMicrosecond: null, microseconds: 1e6 / 2 ** exponent, offset_s };
  const exact = exponent >= 6 && exponent <= 12;
  return { perMicrosecond: exact ? 10 ** (exponent - 6) : null, microseconds: 10 ** (6 - exponent), offset_s };
}

/** @returns microseconds since 1970, or NaN where no calendar has such a time */
export function toMicroseconds(high: number, low: number, unit: TimeUnit): number {
  const divisor = unit.perMicrosecond;
  // Divided by halves: nanoseconds since 1970 do not fit a double.
  const since_us =
    divisor === null
      ? Math.floor((high * 2 ** 32 + low) * unit.microseconds)
      : Math.floor(high / divisor) * 2 ** 32 + Math.floor(((high % divisor) * 2 ** 32 + low) / divisor);
  const time_us = since_us + unit.offset_s * 1e6;
  return time_us >= 0 && time_us <= LATEST_US ? time_us : Number.NaN;
}
