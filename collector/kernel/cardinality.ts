/** Distinct counts: HyperLogLog registers and linear counting over a bitmap. */

/**
 * Estimates how many distinct items the registers saw; standard error 1.04 / √registers (1.6 % for 4,096).
 * Flajolet, Fusy, Gandouet, Meunier 2007, with linear counting below 2.5 × registers. Hashes of 44 bits and more need no correction for large counts.
 */
export function hyperLogLog(registers: Uint8Array): number {
  const m = registers.length;
  let sum = 0;
  let empty = 0;
  for (const rank of registers) {
    sum += 2 ** -rank;
    if (rank === 0) empty++;
  }
  const estimate = ((0.7213 / (1 + 1.079 / m)) * m * m) / sum;
  return estimate <= 2.5 * m && empty > 0 ? m * Math.log(m / empty) : estimate;
}

/** Estimates how many distinct items set `set` of `bits` (Whang et al. 1990); a full bitmap counts as all but half a bit set. */
export function linearCount(set: number, bits: number): number {
  return bits * Math.log(bits / Math.max(bits - set, 0.5));
}

/** Bits set in a 32-bit word. */
export function popCount(word: number): number {
  let n = word - ((word >>> 1) & 0x55555555);
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333);
  return Math.imul((n + (n >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
