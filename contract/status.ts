/** What `GET /health` and `GET /stats` answer. */
import * as z from 'zod';
import { MODEL_NAMES } from './features.ts';
import { manifest, modelVersion, shadowPointer } from './manifest.ts';
import { shadowTally } from './model-list.ts';
import { groupName, quantity } from './quantity.ts';
import { trainingState } from './training-run.ts';

const count = z.number().int().nonnegative();
const service = { service: z.literal('vigia'), version: z.string() };
const modelsTrained = z.record(z.enum(MODEL_NAMES), z.boolean());
const refusedModel = z
  .object({ version: z.string().nullable(), reason: z.string(), at: z.string() })
  .nullable()
  .describe(
    'Why the promoted version does not judge: it is not what training wrote, or storage did not give it. The one before does, or the rules alone.',
  );

export const health = z.object({
  status: z.enum(['ok', 'degraded']).describe('degraded: the promoted models are refused, see refused_model.'),
  ...service,
  group: groupName,
  models_trained: modelsTrained,
  model_version: modelVersion.nullable(),
  detection: z.string(),
  abstained: manifest.shape.abstained,
  refused_model: refusedModel,
  webhook: z.string(),
});

export const misconfigured = z.object({
  status: z.literal('misconfigured'),
  ...service,
  detail: z.string().describe('What is missing, and what to do about it.'),
});

export const stats = z.object({
  group: groupName,
  models_trained: modelsTrained,
  model_version: modelVersion.nullable(),
  refused_model: refusedModel,
  training_samples: count,
  high_confidence_samples: count,
  alert_budget_per_host_day: quantity,
  predicted_alerts_per_host_day: z
    .object({ expected: quantity, at_most: quantity })
    .nullable()
    .describe('By the live version, on windows that it was not fitted on.'),
  measured_alerts_per_host_day: quantity,
  incidents_last_24h: count,
  alerts_last_24h: count,
  windows_total: count,
  posts_total: count,
  unknown_fields_total: count,
  alerts_total: count,
  shadow: shadowTally
    .extend(shadowPointer.shape)
    .nullable()
    .describe('The version that was held back and is scored beside the live one.'),
  training: trainingState,
  webhook: z.object({
    configured: z.boolean(),
    refused: z.string().nullable(),
    pending: count,
    dead: count,
    delivered_total: count,
  }),
});

export type Health = z.output<typeof health>;
export type Misconfigured = z.output<typeof misconfigured>;
export type Stats = z.output<typeof stats>;
