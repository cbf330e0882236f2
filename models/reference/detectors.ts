/** The reference detectors: what the three models are measured against, and what votes beside them where the owner asks. */
import type { ReferenceDetector } from './detector.ts';
import { isolationForest } from './isolation-forest.ts';
import { kMeans } from './k-means.ts';
import { localOutlierFactor } from './local-outlier-factor.ts';
import type { ReferenceName } from './names.ts';
import { oneClassSvm } from './one-class-svm.ts';

/** All of them, in the order of `REFERENCE_NAMES`. */
export const REFERENCE_DETECTORS: readonly ReferenceDetector<ReferenceName>[] = [
  kMeans,
  localOutlierFactor,
  oneClassSvm,
  isolationForest,
];
