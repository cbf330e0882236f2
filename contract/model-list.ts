/** What the routes of trained versions take and answer: list, training, rollback. */
import * as z from 'zod';
import { MODEL_NAMES, NETWORK_FEATURES } from './features.ts';
import { manifest, modelVersion } from './manifest.ts';
import { groupName, instant, quantity } from './quantity.ts';
import { trainingState } from './training-run.ts';

export const groupQuery = z.object({ group: groupName.optional() });

export const modelQuery = groupQuery.extend({
  limit: z.coerce.number().int().min(1).max(50).default(20),
  cursor: modelVersion.optional().describe('The `next` of the page before.'),
});

const count = z.number().int().nonnegative();

/** Of the windows that a version which was held back judged beside the live one. */
export const shadowTally = z.object({
  version: modelVersion,
  windows: count,
  live_alerts: count,
  shadow_alerts: count,
  both_alerts: count,
});

export const featureDrift = z.object({
  feature: z.enum(NETWORK_FEATURES),
  shift: z.number().describe('Distance of the centres in units of the live scale; positive: it rose.'),
  extreme_factor: quantity.describe("The candidate's 99.9 % quantile divided by the live one's; 1 where that is 0."),
});

const listed = {
  version: modelVersion,
  live: z.boolean(),
  shadow: shadowTally.nullable().describe('How it judged beside the live version; null where it never did.'),
};

export const readableModel = z.object({
  ...listed,
  readable: z.literal(true),
  created_at: instant,
  training: manifest.shape.training,
  quality: manifest.shape.quality,
  models: z.array(z.enum(MODEL_NAMES)),
  abstained: manifest.shape.abstained.describe('Why each missing model was not fitted.'),
  drift: z.array(featureDrift).describe("How far its idea of normal is from the live version's."),
});

/** A version whose manifest is missing, broken or of another format. */
export const unreadableModel = z.object({ ...listed, readable: z.literal(false) });

export const modelPage = z.object({
  group: groupName,
  current: modelVersion.nullable(),
  previous: modelVersion.nullable(),
  training: trainingState,
  models: z.array(z.discriminatedUnion('readable', [readableModel, unreadableModel])).describe('The newest first.'),
  next: z.string().nullable().describe('The `cursor` of the following page; null on the last.'),
});

export const rollbackRequest = z.object({
  version: modelVersion.optional().describe('Where to go back to; without it, to the version before.'),
});

export const rolledBack = z.object({
  status: z.literal('rolled_back'),
  group: groupName,
  version: modelVersion,
  previous: modelVersion.nullable(),
});

export const trained = z.object({
  status: z.literal('trained'),
  version: modelVersion,
  promoted: z.boolean(),
  reason: z.string(),
  quality: manifest.shape.quality,
});

export type FeatureDrift = z.output<typeof featureDrift>;
export type ListedModel = ModelPage['models'][number];
export type ModelPage = z.output<typeof modelPage>;
export type RolledBack = z.output<typeof rolledBack>;
export type ShadowTally = z.output<typeof shadowTally>;
export type Trained = z.output<typeof trained>;
