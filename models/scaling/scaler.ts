/** The float32 constants of a baseline and the scaling of rows with them; the graph of `add-scaling.ts` does the same steps. */
import type { FeatureBaseline } from '../../contract/manifest.ts';

const { fround } = Math;

/** How one feature is scaled. */
export type FeatureScale = Pick<FeatureBaseline, 'active' | 'log1p' | 'center' | 'scale'>;

/**
 * Constants per feature. A logarithmic feature is scaled as log((1 + x)·exp(−center)) / scale, which is
 * (log(1 + x) − center) / scale without its cancellation near the centre; a linear one as (x − center) / scale.
 */
export interface Scaler {
  readonly active: Float32Array;
  readonly log1p: Float32Array;
  /** exp(−center) of a logarithmic feature, else 1. */
  readonly gain: Float32Array;
  /** The centre of a linear feature, else 0. */
  readonly offset: Float32Array;
  /** 1 / scale. */
  readonly inverse: Float32Array;
}

export function scalerOf(baseline: readonly FeatureScale[]): Scaler {
  return {
    active: Float32Array.from(baseline, ({ active }) => (active ? 1 : 0)),
    log1p: Float32Array.from(baseline, ({ log1p }) => (log1p ? 1 : 0)),
    gain: Float32Array.from(baseline, ({ log1p, center }) => (log1p ? Math.exp(-center) : 1)),
    offset: Float32Array.from(baseline, ({ log1p, center }) => (log1p ? 0 : center)),
    inverse: Float32Array.from(baseline, ({ scale }) => 1 / scale),
  };
}

export interface ScaledRows {
  /** Shaped as the input; 0 where a feature is missing or inactive. */
  readonly scaled: Float32Array;
  /** 1 where a feature was measured and is active, else 0. */
  readonly mask: Float32Array;
}

/**
 * Scales rows of features, each step rounded to float32.
 * @param rows row-major, any number of rows x features, NaN where a feature was not measured
 */
export function scaleRows(rows: Float32Array, scaler: Scaler): ScaledRows {
  const features = scaler.active.length;
  const scaled = new Float32Array(rows.length);
  const mask = new Float32Array(rows.length);
  for (let i = 0; i < rows.length; i++) {
    const column = i % features;
    const value = rows[i] as number;
    if (Number.isNaN(value) || scaler.active[column] === 0) continue;
    mask[i] = 1;
    const centered =
      scaler.log1p[column] === 1
        ? fround(Math.log(fround(fround(1 + value) * (scaler.gain[column] as number))))
        : fround(value - (scaler.offset[column] as number));
    scaled[i] = centered * (scaler.inverse[column] as number);
  }
  return { scaled, mask };
}
