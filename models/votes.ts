/** What each model makes of windows: raw scores, p-values, or why it says nothing. */
import { MODEL_NAMES, type ModelName } from '../contract/features.ts';
import type { Manifest } from '../contract/manifest.ts';
import type { NetworkWindow } from '../contract/network-window.ts';
import type { Explanation } from '../contract/result.ts';
import { pValue } from './calibration/p-value.ts';
import { FEATURE_COUNT, rowsOf } from './features.ts';
import { hoursOf } from './hour-of-week.ts';
import type { ModelOutputs, ModelRunner } from './model-outputs.ts';
import { sequences } from './sequences.ts';

/** A set of models that is loaded and can be run. */
export interface Fleet {
  readonly manifest: Manifest;
  readonly run: ModelRunner;
}

/** What one model made of one row of its input. */
export interface Vote {
  readonly model: ModelName;
  readonly outputs: ModelOutputs;
  /** Row in `outputs`. */
  readonly row: number;
  readonly p: number;
}

export interface Votes {
  readonly votes: Vote[];
  readonly abstained: Explanation['abstained'];
}

/** The outputs of every model on the same windows. */
export interface Scored {
  readonly outputs: Partial<Record<ModelName, ModelOutputs>>;
  /** Row of each window in the temporal outputs, or -1. */
  readonly sequenceOf: Int32Array;
}

/** With fewer measured features that the models learned, a row says too little to be judged by them. */
const FEWEST_FEATURES = 3;

const NO_MODEL = 'this group has no model yet';
const NO_SEQUENCE = 'needs ten windows in a row of this host and interface, with those sent as context';
const TOO_FEW_FEATURES = `fewer than ${FEWEST_FEATURES} of the features that were learned are measured`;

/**
 * All windows through each model in one call.
 * @param rows features of `network`, n x 11; of a flat object, `network` is empty
 * @param context earlier windows of the same hosts, only read as part of sequences
 * @param contextRows their features
 */
export async function scoreAll(
  { manifest, run }: Fleet,
  rows: Float32Array,
  network: readonly NetworkWindow[],
  context: readonly NetworkWindow[],
  contextRows = rowsOf(context),
): Promise<Scored> {
  const outputs: Scored['outputs'] = {};
  const count = rows.length / FEATURE_COUNT;
  if (manifest.models.spatial) outputs.spatial = await run('spatial', rows, count);
  if (manifest.models.statistical) {
    const hours = network.length === count ? hoursOf(network) : undefined;
    outputs.statistical = await run('statistical', rows, count, hours);
  }
  if (!manifest.models.temporal) return { outputs, sequenceOf: new Int32Array(count).fill(-1) };
  const { input, count: found, indexOf } = sequences(network, context, rows, contextRows);
  if (found > 0) outputs.temporal = await run('temporal', input, found);
  return { outputs, sequenceOf: indexOf };
}

/** @param window place of the window among those that were scored */
export function votesOn(fleet: Fleet | null, scored: Scored | null, window: number, features: Float32Array): Votes {
  if (!fleet) return silent(NO_MODEL);
  const { manifest } = fleet;
  if (!scored || !isLearned(features, manifest)) return silent(TOO_FEW_FEATURES);
  const votes: Vote[] = [];
  const abstained: Explanation['abstained'] = {};
  for (const model of MODEL_NAMES) {
    const row = model === 'temporal' ? (scored.sequenceOf[window] ?? -1) : window;
    const entry = manifest.models[model];
    const outputs = scored.outputs[model];
    if (!entry) abstained[model] = manifest.abstained[model] ?? 'not part of this version';
    else if (!outputs || row < 0) abstained[model] = NO_SEQUENCE;
    else votes.push({ model, outputs, row, p: pValue(entry.calibration, outputs.score[row] as number) });
  }
  return { votes, abstained };
}

/** All models silent for one reason. */
export function silent(reason: string): Votes {
  return { votes: [], abstained: { spatial: reason, temporal: reason, statistical: reason } };
}

/** Whether enough of the learned features were measured. */
export function isLearned(features: Float32Array, { baseline }: Manifest): boolean {
  let known = 0;
  for (let i = 0; i < FEATURE_COUNT; i++) if (baseline[i]?.active && !Number.isNaN(features[i])) known++;
  return known >= FEWEST_FEATURES;
}
