/** Judges windows by rules and models: the whole way from measurements to verdicts, without I/O. */
import type { AuthWindow } from '../contract/auth-window.ts';
import type { FlatObject } from '../contract/detect-request.ts';
import { MODEL_NAMES, type ModelName } from '../contract/features.ts';
import type { Manifest } from '../contract/manifest.ts';
import type { NetworkWindow } from '../contract/network-window.ts';
import type { Explanation, Result } from '../contract/result.ts';
import type { Thresholds } from '../contract/thresholds.ts';
import { pValue } from './calibration/p-value.ts';
import type { Vote } from './explanation.ts';
import { FEATURE_COUNT, networkFeatures, rowsOf } from './features.ts';
import type { ModelOutputs, ModelRunner } from './model-outputs.ts';
import { applyRules } from './rules/apply-rules.ts';
import { learnedNormal } from './rules/learned-normal.ts';
import { sequences } from './sequences.ts';
import { verdict } from './verdict.ts';

/** A set of models that is loaded and can be run. */
export interface Fleet {
  readonly manifest: Manifest;
  readonly run: ModelRunner;
}

export interface Judging {
  /** Null where the group has no model yet: the rules alone decide. */
  readonly fleet: Fleet | null;
  readonly thresholds: Thresholds;
  /** False alerts a host may raise per day. */
  readonly alertBudget: number;
}

/** With fewer measured features that the models learned, a row says too little to be judged by them. */
const FEWEST_FEATURES = 3;

const NO_MODEL = 'this group has no model yet';
const NOT_NETWORK = 'the models judge network windows only';
const NO_SEQUENCE = 'needs ten windows in a row of this host and interface, with those sent as context';
const TOO_FEW_FEATURES = `fewer than ${FEWEST_FEATURES} of the features that were learned are measured`;

const isNetworkWindow = (window: NetworkWindow | AuthWindow): window is NetworkWindow => 'interface' in window;

/**
 * The verdict on each window, in order. All windows of the batch go through each model in one call.
 * @param input.context earlier windows of the same hosts, only read as part of sequences
 */
export async function judgeBatch(
  input: Judging & {
    readonly windows: readonly (NetworkWindow | AuthWindow)[];
    readonly context: readonly NetworkWindow[];
  },
): Promise<Result[]> {
  const { windows, context, fleet } = input;
  const network = windows.filter(isNetworkWindow);
  const rows = rowsOf(network);
  const scored = fleet && network.length > 0 ? await scoreAll(fleet, rows, network, context) : null;
  const learned = fleet && learnedNormal(fleet.manifest);

  let row = 0;
  return windows.map((window) => {
    const i = isNetworkWindow(window) ? row++ : -1;
    const features = i < 0 ? NO_FEATURES : rows.subarray(i * FEATURE_COUNT, (i + 1) * FEATURE_COUNT);
    const { votes, abstained } = i < 0 ? silent(NOT_NETWORK) : votesOn(fleet, scored, i, features);
    return verdict({
      observed: window,
      identity: identityOf(window),
      features,
      rules: applyRules(window, { thresholds: input.thresholds, learned }),
      votes,
      abstained,
      manifest: fleet?.manifest ?? null,
      alertBudget: input.alertBudget,
    });
  });
}

/** The verdict on one flat object: a single window without identity, so that the temporal model abstains. */
export async function judgeFlat(flat: FlatObject, judging: Judging): Promise<Result> {
  const { fleet } = judging;
  const features = networkFeatures(flat);
  const scored = fleet && isLearned(features, fleet.manifest) ? await scoreAll(fleet, features, [], []) : null;
  const { votes, abstained } = votesOn(fleet, scored, 0, features);
  return verdict({
    observed: flat,
    identity: null,
    features,
    rules: applyRules(flat, { thresholds: judging.thresholds, learned: fleet && learnedNormal(fleet.manifest) }),
    votes,
    abstained,
    manifest: fleet?.manifest ?? null,
    alertBudget: judging.alertBudget,
  });
}

const NO_FEATURES = new Float32Array(FEATURE_COUNT).fill(Number.NaN);

interface Scored {
  readonly outputs: Partial<Record<ModelName, ModelOutputs>>;
  /** Row of each window in the temporal outputs, or -1. */
  readonly sequenceOf: Int32Array;
}

async function scoreAll(
  { manifest, run }: Fleet,
  rows: Float32Array,
  network: readonly NetworkWindow[],
  context: readonly NetworkWindow[],
): Promise<Scored> {
  const outputs: Scored['outputs'] = {};
  const count = rows.length / FEATURE_COUNT;
  if (manifest.models.spatial) outputs.spatial = await run('spatial', rows, count);
  if (manifest.models.statistical) outputs.statistical = await run('statistical', rows, count);
  if (!manifest.models.temporal) return { outputs, sequenceOf: new Int32Array(count).fill(-1) };
  const { input, count: found, indexOf } = sequences(network, context, rows);
  if (found > 0) outputs.temporal = await run('temporal', input, found);
  return { outputs, sequenceOf: indexOf };
}

interface Votes {
  readonly votes: Vote[];
  readonly abstained: Explanation['abstained'];
}

function silent(reason: string): Votes {
  return { votes: [], abstained: { spatial: reason, temporal: reason, statistical: reason } };
}

function votesOn(fleet: Fleet | null, scored: Scored | null, window: number, features: Float32Array): Votes {
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

function isLearned(features: Float32Array, { baseline }: Manifest): boolean {
  let known = 0;
  for (let i = 0; i < FEATURE_COUNT; i++) if (baseline[i]?.active && !Number.isNaN(features[i])) known++;
  return known >= FEWEST_FEATURES;
}

function identityOf(window: NetworkWindow | AuthWindow): Result['window'] {
  const { id, host, group, start, duration_s } = window;
  return { id, host, group, ...(isNetworkWindow(window) && { interface: window.interface }), start, duration_s };
}
