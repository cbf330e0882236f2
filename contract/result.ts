/** What `POST /detect` answers: the verdict on one window, with its explanation. */
import * as z from 'zod';
import { MODEL_NAMES } from './features.ts';
import { DETECTION_TYPES, LEVELS, RULE_THREATS, THREAT_TYPES } from './threats.ts';

const score = z.number().min(0).max(1);

/** A rule that fired: the condition in words and the numbers that met it. */
export const firedRule = z.object({
  threat_type: z.enum(RULE_THREATS),
  confidence: score,
  condition: z.string(),
  observed: z.record(z.string(), z.union([z.number(), z.string()])),
  technique: z.string().optional(),
});

/** One feature's part in a model's score. `normal` is the 1 % to 99 % range seen in training. */
export const featureShare = z.object({
  feature: z.string(),
  observed: z.number(),
  normal: z.tuple([z.number(), z.number()]),
  share: score,
  /** Only of the temporal model: so many windows before the judged one the feature was least as expected. */
  windows_earlier: z.number().int().min(0).optional(),
});

export const modelExplanation = z.object({
  model: z.enum(MODEL_NAMES),
  raw_score: z.number(),
  p_value: z.number(),
  features: z.array(featureShare),
  nearest_cluster: z.number().int().optional(),
  /** Only of the temporal model: each window's share of the unexpected, the oldest first, the judged one last. */
  by_window: z.array(score).optional(),
});

export const explanation = z.object({
  /** Sentences for the person who is paged, the most important first. */
  summary: z.array(z.string()),
  rules: z.array(firedRule),
  /** Empty for a quiet window of a batch. */
  models: z.array(modelExplanation),
  /** Why each silent model gave no score. */
  abstained: z.partialRecord(z.enum(MODEL_NAMES), z.string()),
  /** Reported, not alerted: `volume_surge`, `ml_low_risk`. */
  notes: z.array(z.object({ kind: z.string(), text: z.string() })),
});

export const result = z.object({
  threat_detected: z.boolean(),
  confidence: score,
  threat_types: z.array(z.enum(THREAT_TYPES)),
  detection_type: z.enum(DETECTION_TYPES),
  attacking_ips: z.array(z.string()),
  model_scores: z.partialRecord(z.enum(MODEL_NAMES), score),
  scores: z.object({ rules: score, consensus: score }),
  level: z.enum(LEVELS),
  explanation,
  model_version: z.string().nullable(),
  window: z
    .object({
      id: z.string(),
      host: z.string(),
      group: z.string(),
      interface: z.string().optional(),
      start: z.string(),
      duration_s: z.number(),
    })
    .nullable(),
});

/** Of a bulk body: the results that found something, a threat or something to note, by the place of their window. */
export const bulkAnswer = z.object({
  judged: z.int().nonnegative(),
  found: z.array(z.object({ index: z.int().nonnegative(), result })),
});

/** One result for a flat object; for a batch its results, in the order of its windows; for a bulk body what was found. */
export const detectAnswer = z.union([z.object({ results: z.array(result) }), bulkAnswer, result]);

export type FiredRule = z.output<typeof firedRule>;
export type FeatureShare = z.output<typeof featureShare>;
export type ModelExplanation = z.output<typeof modelExplanation>;
export type Explanation = z.output<typeof explanation>;
export type Result = z.output<typeof result>;
export type BulkAnswer = z.output<typeof bulkAnswer>;
