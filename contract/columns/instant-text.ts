/** Milliseconds since 1970 as RFC 3339 in UTC: what `toISOString` writes, at a fraction of its cost where many fall into the same minutes. */

const MINUTE_MS = 60_000;
/** Later years have more than four digits, which RFC 3339 does not know. */
export const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

export class InstantText {
  #minute = Number.NaN;
  #prefix = '';

  /** Empty where it is no instant from 1970 to 9999. */
  of(ms: number): string {
    if (!(ms >= 0 && ms <= LAST_MS && Number.isInteger(ms))) return '';
    const minute = Math.floor(ms / MINUTE_MS);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#prefix = new Date(minute * MINUTE_MS).toISOString().slice(0, -7);
    }
    const rest_ms = 100_000 + ms - minute * MINUTE_MS;
    const digits = String(rest_ms);
    return `${this.#prefix}${digits.slice(1, 3)}.${digits.slice(3)}Z`;
  }
}
