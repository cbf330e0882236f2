/** Calibrates models that are fitted: each by itself, all together, and what they are worth; also again on newer windows. */
import { MODEL_NAMES, type ModelName, SEQUENCE_LENGTH } from '../../contract/features.ts';
import type { Manifest } from '../../contract/manifest.ts';
import type { NetworkWindow } from '../../contract/network-window.ts';
import type { Thresholds } from '../../contract/thresholds.ts';
import { calibrate } from '../calibration/p-value.ts';
import { agreedStrangeness } from '../consensus.ts';
import { FEATURE_COUNT, rowOf, rowsOf } from '../features.ts';
import { hoursOf } from '../hour-of-week.ts';
import type { ModelRunner } from '../model-outputs.ts';
import type { Pause } from '../pauses.ts';
import { learnedNormal } from '../rules/learned-normal.ts';
import { rowsAtUsualVolume } from '../rules/surge.ts';
import { type Fleet, scoreAll, votesOn } from '../votes.ts';
import { NotEnoughDataError } from './not-enough-data.ts';
import { sequencesOf } from './prepare.ts';
import { measureQuality } from './quality.ts';
import { versionOf } from './version.ts';

const MOST_CALIBRATED = 8000;
/** Among fewer, no p-value says anything. */
export const FEWEST_CALIBRATION = 10;

export interface CalibrationOptions {
  readonly createdAt: Date;
  /** False alerts a host may raise per day. */
  readonly alertBudget: number;
  readonly thresholds: Thresholds;
  /** None by default: the fastest. */
  readonly pause?: Pause;
}

/** Raw scores of normal windows by one model. */
export async function calibrationScores(
  run: ModelRunner,
  name: ModelName,
  windows: readonly NetworkWindow[],
): Promise<Float32Array> {
  if (name !== 'temporal') return (await run(name, rowsOf(windows), windows.length, hoursOf(windows))).score;
  const input = sequencesOf(windows, MOST_CALIBRATED);
  const count = input.length / (SEQUENCE_LENGTH * FEATURE_COUNT);
  return count === 0 ? new Float32Array() : (await run(name, input, count)).score;
}

/** Calibrates the consensus of models that are calibrated each by itself, measures them, and names the version. */
export async function finishManifest(
  fleet: Fleet,
  heldOut: readonly NetworkWindow[],
  options: CalibrationOptions,
): Promise<Manifest> {
  const consensus = await calibrateConsensus(fleet, heldOut, options.thresholds);
  const calibrated = { ...fleet.manifest, consensus };
  const quality = await measureQuality({ manifest: calibrated, run: fleet.run }, heldOut, options);
  const measured = { ...calibrated, quality };
  return { ...measured, version: await versionOf(measured, options.createdAt) };
}

/**
 * The same models with new p-values: nothing is fitted, what is normal stays, and how often normal windows score so is told anew.
 * @param windows normal windows that the models were not fitted on
 * @throws NotEnoughDataError where they are too few for a model
 */
export async function recalibrate(
  { manifest, run }: Fleet,
  windows: readonly NetworkWindow[],
  options: CalibrationOptions,
): Promise<Manifest> {
  const models: Manifest['models'] = {};
  for (const name of MODEL_NAMES) {
    const entry = manifest.models[name];
    if (!entry) continue;
    const scores = await calibrationScores(run, name, windows);
    if (scores.length < FEWEST_CALIBRATION)
      throw new NotEnoughDataError(
        manifest.group,
        windows.length,
        name === 'temporal' ? 2 * FEWEST_CALIBRATION : FEWEST_CALIBRATION,
      );
    models[name] = { ...entry, calibration: calibrate(scores) };
  }
  const created_at = options.createdAt.toISOString();
  return finishManifest({ manifest: { ...manifest, created_at, models }, run }, windows, options);
}

/** The combination of all models on held-out windows; null where too few were scored by all of them. */
async function calibrateConsensus(
  fleet: Fleet,
  heldOut: readonly NetworkWindow[],
  thresholds: Thresholds,
): Promise<Manifest['consensus']> {
  const models = MODEL_NAMES.filter((name) => fleet.manifest.models[name]);
  const latest = heldOut.slice(-MOST_CALIBRATED);
  const rows = rowsAtUsualVolume(latest, learnedNormal(fleet.manifest), thresholds);
  const scored = await scoreAll(fleet, rows, latest, []);
  const scores = latest.flatMap((_, i) => {
    const { votes } = votesOn(fleet, scored, i, rowOf(rows, i));
    return votes.length === models.length ? agreedStrangeness(votes) : [];
  });
  return scores.length < FEWEST_CALIBRATION ? null : { models, calibration: calibrate(scores) };
}
