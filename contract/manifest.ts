/** The manifest that travels with every trained set of models, and the pointer to the live one. */
import * as z from 'zod';
import { MODEL_NAMES, NETWORK_FEATURES, SEQUENCE_LENGTH } from './features.ts';
import { groupName, instant, quantity, ratio } from './quantity.ts';

export const MANIFEST_FORMAT = 3;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in hex');
export const modelVersion = z
  .string()
  .regex(/^\d{8}T\d{6}Z-[0-9a-f]{8}$/, 'must be UTC time and a short hash, as 20261120T120000Z-0a1b2c3d');

/** How one feature is scaled and what training saw of it. All in the unit of the window. */
export const featureBaseline = z.object({
  feature: z.enum(NETWORK_FEATURES),
  /** False where training saw too few values: every model then ignores the feature. */
  active: z.boolean(),
  log1p: z.boolean(),
  /** Of the (log1p-transformed, if so marked) values. */
  center: z.number(),
  scale: z.number().positive(),
  /** Raw quantiles for explanations (1 %, 99 %) and for the volume rules (99.9 %). */
  low: z.number(),
  high: z.number(),
  extreme: z.number(),
});

/** How scores of held-out normal windows are spread: what a p-value is taken from. */
export const calibration = z.object({
  /** Ascending, an even sample of them; the conformal rank is taken among these. */
  scores: z.array(z.number()).min(1).max(2048),
  /** Windows that were scored. */
  windows: z.number().int().positive(),
  /** The generalised Pareto tail above `threshold`; null where too few scores tell of it. */
  tail: z
    .object({
      threshold: z.number(),
      shape: z.number().min(-1).max(1),
      scale: z.number().positive(),
      share: ratio,
      exceedances: z.number().int().positive(),
    })
    .nullable(),
});

export const modelEntry = z.object({
  file: z.string().regex(/^[a-z]{1,32}\.onnx$/, 'must be a name such as zmad.onnx, without a folder'),
  sha256,
  bytes: z.number().int().positive(),
  calibration,
  /** Facts for people: eps, clusters, epochs, loss, …; nothing computes from them. */
  parameters: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])),
});

/** Input rows (null: not measured) and the raw scores that detect's own runtime must reproduce to a ten-thousandth of the score, or of 1 where that is more. */
export const goldenVector = z.object({
  rows: z.array(z.array(z.number().nullable()).length(NETWORK_FEATURES.length)).length(SEQUENCE_LENGTH),
  /** Of the week, 0 … 167, of the last row; 168 where it is not known. */
  hour: z.number().int().min(0).max(168),
  scores: z.object({
    spatial: z.number().optional(),
    temporal: z.number().optional(),
    statistical: z.number().optional(),
  }),
});

export const manifest = z.object({
  format: z.literal(MANIFEST_FORMAT),
  group: groupName,
  version: modelVersion,
  created_at: instant,
  seed: z.number().int().nonnegative(),
  features: z
    .array(z.enum(NETWORK_FEATURES))
    .refine((names) => names.join() === NETWORK_FEATURES.join(), 'must be the features of this release, in order'),
  baseline: z.array(featureBaseline).length(NETWORK_FEATURES.length),
  /** 99.9 % quantile of bytes_out_per_second in training; null where direction was not measured. */
  bytes_out_extreme: quantity.nullable(),
  /**
   * 99 % quantiles of half hours: bytes a second going out, over all and by hour of the week in UTC, and how many bytes go out
   * for one that comes in. Null where it was not measured.
   */
  recent_out: z
    .object({ all: quantity, hours: z.array(quantity.nullable()).length(168), per_byte_in: quantity })
    .nullable(),
  training: z.object({
    from: instant,
    to: instant,
    windows: z.number().int().nonnegative(),
    high_confidence_windows: z.number().int().nonnegative(),
    hosts: z.number().int().nonnegative(),
  }),
  models: z.object({
    spatial: modelEntry.optional(),
    temporal: modelEntry.optional(),
    statistical: modelEntry.optional(),
  }),
  /** The combination of all models' p-values on held-out windows: how dependent they are here. Null: too few were scored by all. */
  consensus: z.object({ models: z.array(z.enum(MODEL_NAMES)).min(1), calibration }).nullable(),
  abstained: z.object({
    spatial: z.string().optional(),
    temporal: z.string().optional(),
    statistical: z.string().optional(),
  }),
  golden: z.array(goldenVector).max(16),
  quality: z.object({
    /** Of held-out windows. */
    false_alert_rate: ratio,
    false_alerts: z.number().int().nonnegative(),
    /** False alerts that the budget allows in as many windows. */
    allowed_false_alerts: quantity,
    /** The time that those windows cover together. */
    judged_host_days: quantity,
    budget_per_host_day: quantity,
    injected_found: ratio,
  }),
});

/** `models/<group>/current.json`. */
export const currentPointer = z.object({
  version: modelVersion,
  previous: modelVersion.nullable(),
  promoted_at: instant,
});

/** `models/<group>/shadow.json`: the newest version that was held back. */
export const shadowPointer = z.object({ version: modelVersion, reason: z.string(), since: instant });

export type FeatureBaseline = z.output<typeof featureBaseline>;
export type Calibration = z.output<typeof calibration>;
export type ModelEntry = z.output<typeof modelEntry>;
export type GoldenVector = z.output<typeof goldenVector>;
export type Manifest = z.output<typeof manifest>;
export type CurrentPointer = z.output<typeof currentPointer>;
export type ShadowPointer = z.output<typeof shadowPointer>;
