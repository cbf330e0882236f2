/** Reference detectors that vote beside the three models, where the owner asks for them: fitted, calibrated, run on windows. */
import type { FeatureBaseline } from '../../contract/manifest.ts';
import type { NetworkWindow } from '../../contract/network-window.ts';
import { calibrate, pValue } from '../calibration/p-value.ts';
import { FEATURE_COUNT, rowsOf } from '../features.ts';
import { type Scaler, scaleRows, scalerOf } from '../scaling/scaler.ts';
import { everyNth, prepare } from '../training/prepare.ts';
import { REFERENCE_DETECTORS } from './detectors.ts';
import type { ReferenceName } from './names.ts';

/** What one detector made of one window. */
export interface ReferenceVote {
  readonly name: ReferenceName;
  /** Probability that a normal window scores at least as high. */
  readonly p: number;
}

/** The votes on each row, in the order of the rows. @param rows n x 11, NaN where a feature was not measured */
export type ReferenceVoters = (rows: Float32Array) => ReferenceVote[][];

/** Among fewer held-out windows a p-value hardly gets below one in a hundred. */
const FEWEST_HELD_OUT = 100;
const MOST_CALIBRATED = 8000;

/** Too few normal windows to fit on a part and calibrate on the rest. */
export class FewNormalWindowsError extends Error {
  override readonly name = 'FewNormalWindowsError';
  readonly windows: number;
  readonly heldOut: number;

  constructor(windows: number, heldOut: number) {
    super(
      `${windows} normal windows leave ${heldOut} to calibrate reference detectors on, which needs ${FEWEST_HELD_OUT}; give the windows that the models were trained on`,
    );
    this.windows = windows;
    this.heldOut = heldOut;
  }
}

/**
 * Fits on the same features, scaled by the same baseline, and on the same split as the three models: seven tenths of the windows
 * are fitted, three tenths calibrate.
 * @param windows normal windows of one group, best those that the models were trained on
 * @param baseline of the models beside which the detectors vote
 * @throws FewNormalWindowsError
 */
export function fitReferenceVoters(
  names: readonly ReferenceName[],
  windows: readonly NetworkWindow[],
  baseline: readonly FeatureBaseline[],
  seed: number,
): ReferenceVoters {
  const split = prepare(windows);
  const { heldOut } = split;
  if (heldOut.length < FEWEST_HELD_OUT) throw new FewNormalWindowsError(windows.length, heldOut.length);
  const scaler = scalerOf(baseline);
  const normal = scaledPoints(rowsOf(split.fitted), scaler);
  const calibrating = scaledPoints(everyNth(rowsOf(heldOut), FEATURE_COUNT, heldOut.length, MOST_CALIBRATED), scaler);
  const voters = REFERENCE_DETECTORS.filter(({ name }) => names.includes(name)).map((detector) => {
    const fitted = detector.fit(normal, FEATURE_COUNT, seed);
    return { name: detector.name, fitted, calibration: calibrate(fitted.score(calibrating)) };
  });
  return (rows) => {
    const points = scaledPoints(rows, scaler);
    const columns = voters.map(({ name, fitted, calibration }) => ({
      name,
      p: fitted.score(points).map((value) => pValue(calibration, value)),
    }));
    return Array.from({ length: rows.length / FEATURE_COUNT }, (_, row) =>
      columns.map(({ name, p }) => ({ name, p: p[row] as number })),
    );
  };
}

/** What was not measured stands at the centre: these detectors know no missing values. */
const scaledPoints = (rows: Float32Array, scaler: Scaler): Float64Array =>
  Float64Array.from(scaleRows(rows, scaler).scaled);
