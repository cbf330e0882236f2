/** A seeded sample of rows: what bounds the memory and the time of the detectors that compare rows with rows. */
import { type Random, shuffled } from '../random.ts';

/** `most` rows drawn without replacement, in random order; all of them where there are no more. Does not share memory. */
export function sampleRows(points: Float64Array, width: number, most: number, random: Random): Float64Array {
  const count = points.length / width;
  if (count <= most) return points.slice();
  const sample = new Float64Array(most * width);
  const order = shuffled(count, random);
  for (let i = 0; i < most; i++) {
    const row = order[i] as number;
    sample.set(points.subarray(row * width, (row + 1) * width), i * width);
  }
  return sample;
}
