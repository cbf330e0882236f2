/** The names of the reference detectors, apart from them so that naming one does not load it. */

export const REFERENCE_NAMES = ['k-means', 'lof', 'one-class-svm', 'isolation-forest'] as const;

export type ReferenceName = (typeof REFERENCE_NAMES)[number];
