/** What a group's manifest says about volume and mix, in the form that rules ask for. */
import { NETWORK_FEATURES, type NetworkFeature } from '../../contract/features.ts';
import type { Manifest } from '../../contract/manifest.ts';

export interface LearnedNormal {
  /** The 99.9 % quantile seen in training; null where the feature was not learned. */
  extreme(feature: NetworkFeature): number | null;
  /** The median seen in training; null where the feature was not learned. */
  median(feature: NetworkFeature): number | null;
  /** The 99.9 % quantile of bytes_out_per_second; null where direction was not measured. */
  readonly bytesOutExtreme: number | null;
  /** The 99 % quantile of what goes out over half an hour at that hour of the week, bytes a second; null where not measured. */
  recentOutExtreme(hourOfWeek: number): number | null;
  /** The 99 % quantile of bytes out for one that comes in, over half hours; null where not measured. */
  readonly outPerByteIn: number | null;
}

const known = new WeakMap<Manifest, LearnedNormal>();

/** Made once of a manifest, and asked for with every post. */
export function learnedNormal(manifest: Manifest): LearnedNormal {
  let learned = known.get(manifest);
  if (learned === undefined) {
    learned = readLearned(manifest);
    known.set(manifest, learned);
  }
  return learned;
}

function readLearned(manifest: Manifest): LearnedNormal {
  const features = new Map<NetworkFeature, { readonly extreme: number; readonly median: number }>();
  for (const [i, feature] of NETWORK_FEATURES.entries()) {
    const { active, log1p, center, extreme } = manifest.baseline[i] ?? { active: false };
    if (active) features.set(feature, { extreme, median: log1p ? Math.expm1(center) : center });
  }
  return {
    extreme: (feature) => features.get(feature)?.extreme ?? null,
    median: (feature) => features.get(feature)?.median ?? null,
    bytesOutExtreme: manifest.bytes_out_extreme,
    outPerByteIn: manifest.recent_out?.per_byte_in ?? null,
    recentOutExtreme: (hour) => manifest.recent_out?.hours[hour] ?? manifest.recent_out?.all ?? null,
  };
}

/** Whether `value` is beyond `margin` times what was learned; true where nothing was learned about it. */
export function beyondLearned(value: number, extreme: number | null, margin: number): boolean {
  return extreme === null || value > extreme * margin;
}
