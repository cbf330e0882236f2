/** One-class SVM: a row is abnormal outside the smallest region, in a kernel's space, that holds most normal rows. */
import { seededRandom } from '../random.ts';
import type { FittedDetector, ReferenceDetector } from './detector.ts';
import { sampleRows } from './sample-rows.ts';
import { solveOneClass } from './solve-one-class.ts';

/** At most this share of the fitted rows lies outside. */
const NU = 0.05;
/** Rows whose kernel matrix is held (64 MB as float32); a seeded sample of more. */
const MOST_ROWS = 4000;

/**
 * Scores are negative inside the region and positive outside. The kernel is exp(−gamma·d²) with gamma = 1 / (features x variance of
 * all values), as scikit-learn's default; far from all normal rows the score stays at its largest, however far.
 * Solves what libsvm solves, to the same tolerance; libsvm-wasm 0.0.8 ships a debug build that only starts asynchronously.
 * Schölkopf, Platt, Shawe-Taylor, Smola, Williamson: Estimating the Support of a High-Dimensional Distribution
 * (Neural Computation 13, 2001), equations 3.7 to 3.12.
 */
export const oneClassSvm: ReferenceDetector<'one-class-svm'> = { name: 'one-class-svm', fit };

function fit(points: Float64Array, width: number, seed: number): FittedDetector {
  const rows = sampleRows(points, width, MOST_ROWS, seededRandom(seed));
  const gamma = 1 / (width * (variance(rows) || 1));
  const { alpha, rho } = solveOneClass(kernelMatrix(rows, width, gamma), rows.length / width, NU);
  const support = Uint32Array.from(alpha.keys()).filter((row) => (alpha[row] as number) > 0);
  return {
    score(queries) {
      return Float64Array.from({ length: queries.length / width }, (_, i) => {
        let inside = 0;
        for (const row of support)
          inside += (alpha[row] as number) * kernel(queries, i * width, rows, row * width, width, gamma);
        return rho - inside;
      });
    },
  };
}

function variance(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
}

function kernel(a: Float64Array, from: number, b: Float64Array, to: number, width: number, gamma: number): number {
  let squared = 0;
  for (let i = 0; i < width; i++) {
    const difference = (a[from + i] as number) - (b[to + i] as number);
    squared += difference * difference;
  }
  return Math.exp(-gamma * squared);
}

/** Symmetric, so that its rows are its columns. */
function kernelMatrix(rows: Float64Array, width: number, gamma: number): Float32Array {
  const count = rows.length / width;
  const matrix = new Float32Array(count * count);
  for (let i = 0; i < count; i++) {
    for (let j = 0; j <= i; j++) {
      const value = kernel(rows, i * width, rows, j * width, width, gamma);
      matrix[i * count + j] = value;
      matrix[j * count + i] = value;
    }
  }
  return matrix;
}
