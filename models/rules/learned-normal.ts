/** What a group's manifest says about volume and mix, in the form that rules ask for. */
import { NETWORK_FEATURES, type NetworkFeature } from '../../contract/features.ts';
import type { FeatureBaseline, Manifest } from '../../contract/manifest.ts';

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

export function learnedNormal(manifest: Manifest): LearnedNormal {
  const active = (feature: NetworkFeature): FeatureBaseline | null => {
    const baseline = manifest.baseline[NETWORK_FEATURES.indexOf(feature)];
    return baseline?.active ? baseline : null;
  };
  return {
    extreme: (feature) => active(feature)?.extreme ?? null,
    median(feature) {
      const baseline = active(feature);
      if (!baseline) return null;
      return baseline.log1p ? Math.expm1(baseline.center) : baseline.center;
    },
    bytesOutExtreme: manifest.bytes_out_extreme,
    outPerByteIn: manifest.recent_out?.per_byte_in ?? null,
    recentOutExtreme: (hour) => manifest.recent_out?.hours[hour] ?? manifest.recent_out?.all ?? null,
  };
}

/** Whether `value` is beyond `margin` times what was learned; true where nothing was learned about it. */
export function beyondLearned(value: number, extreme: number | null, margin: number): boolean {
  return extreme === null || value > extreme * margin;
}
