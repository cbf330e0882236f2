/** k-means: a row is abnormal by its distance to the nearest of a few centres. The trivial cousin of the spatial model. */
import { kmeans } from 'ml-kmeans';
import { seededRandom } from '../random.ts';
import type { FittedDetector, ReferenceDetector } from './detector.ts';
import { sampleRows } from './sample-rows.ts';

const CENTRES = 16;
/** Rows that are clustered; a seeded sample of more. */
const MOST_ROWS = 8000;

/**
 * Euclidean distance to the nearest of 16 centres (fewer where fewer rows differ); all clusters count as equally wide, which is what
 * it gets wrong. Clustering is ml-kmeans': Lloyd's iterations from k-means++ centres.
 * Arthur, Vassilvitskii: k-means++: The Advantages of Careful Seeding (SODA 2007).
 */
export const kMeans: ReferenceDetector<'k-means'> = { name: 'k-means', fit };

function fit(points: Float64Array, width: number, seed: number): FittedDetector {
  const sample = sampleRows(points, width, MOST_ROWS, seededRandom(seed));
  const rows = Array.from({ length: sample.length / width }, (_, row) =>
    Array.from(sample.subarray(row * width, (row + 1) * width)),
  );
  const centres = centresOf(rows, seed);
  return {
    score(queries) {
      return Float64Array.from({ length: queries.length / width }, (_, row) =>
        Math.sqrt(
          centres.reduce(
            (least, centre) => Math.min(least, squaredDistance(queries, row * width, centre)),
            Number.POSITIVE_INFINITY,
          ),
        ),
      );
    },
  };
}

/** The library wants no more centres than rows that differ. */
function centresOf(rows: number[][], seed: number): readonly number[][] {
  const distinct = new Map<string, number[]>();
  for (const row of rows) {
    distinct.set(row.join(' '), row);
    if (distinct.size > CENTRES) return kmeans(rows, CENTRES, { seed }).centroids;
  }
  return [...distinct.values()];
}

function squaredDistance(queries: Float64Array, offset: number, centre: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < centre.length; i++) sum += ((queries[offset + i] as number) - (centre[i] as number)) ** 2;
  return sum;
}
