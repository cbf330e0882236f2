/** What every reference detector is: fitted on normal rows, it says of any row how abnormal it is. */

/** Fitted on normal rows. */
export interface FittedDetector {
  /**
   * One score per row, higher is more abnormal; the scale is the method's own.
   * @param points row-major, of the width that was fitted; finite
   */
  score(points: Float64Array): Float64Array;
}

export interface ReferenceDetector<Name extends string = string> {
  readonly name: Name;
  /**
   * The same rows and seed give the same scores.
   * @param points normal rows, row-major, n x `width`, at least two; finite, and scaled alike, since all but the isolation forest
   *   measure distances
   */
  fit(points: Float64Array, width: number, seed: number): FittedDetector;
}
