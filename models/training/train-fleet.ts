/** Trains the models of one group: fits, calibrates, measures, and writes down what a reader must check. */
import { MODEL_NAMES, type ModelName, NETWORK_FEATURES, SEQUENCE_LENGTH } from '../../contract/features.ts';
import { type GoldenVector, MANIFEST_FORMAT, type Manifest, type ModelEntry } from '../../contract/manifest.ts';
import type { NetworkWindow } from '../../contract/network-window.ts';
import { calibrate } from '../calibration/p-value.ts';
import { FEATURE_COUNT, rowsOf } from '../features.ts';
import { hoursOf, NO_HOUR } from '../hour-of-week.ts';
import type { ModelOutputs, ModelRunner } from '../model-outputs.ts';
import { noPause, type Pause } from '../pauses.ts';
import { quantileOfSorted } from '../quantile.ts';
import { fitBaseline } from '../scaling/fit-baseline.ts';
import { FEWEST_SAMPLES } from '../zmad/zmad.ts';
import { type CalibrationOptions, calibrationScores, FEWEST_CALIBRATION, finishManifest } from './calibrate-fleet.ts';
import { type FitOptions, type FittedModel, type FittedModels, fitModels } from './fit-models.ts';
import { NotEnoughDataError } from './not-enough-data.ts';
import { prepare } from './prepare.ts';
import { recentOut } from './recent-out.ts';
import { sha256Hex } from './version.ts';

export interface TrainOptions extends FitOptions, CalibrationOptions {
  readonly group: string;
}

export interface Candidate {
  readonly manifest: Manifest;
  /** The .onnx files by their names in the manifest. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** A candidate that can score at once. */
export interface TrainedFleet extends Candidate {
  /** The models in plain TypeScript, which the files agree with. */
  readonly run: ModelRunner;
}

const GOLDEN_VECTORS = 6;
/** Rows that are scored in one piece. */
const PIECE_ROWS = 250;

/**
 * The same windows in any order, the same seed and the same time give the same bytes.
 * @param windows normal windows of one group: those that raised an alert are left out before
 * @throws NotEnoughDataError where not even ZMAD can be fitted
 */
export async function trainFleet(windows: readonly NetworkWindow[], options: TrainOptions): Promise<TrainedFleet> {
  const { fitted, heldOut } = prepare(windows);
  if (fitted.length < FEWEST_SAMPLES)
    throw new NotEnoughDataError(options.group, fitted.length + heldOut.length, FEWEST_SAMPLES);
  const baseline = fitBaseline(rowsOf(fitted));
  const found = await fitModels(fitted, baseline, options);
  const run = runnerOf(found.models, options.pause);
  // Young hosts of few windows each have hardly any to hold out: then the fitted ones stand in, but not for the temporal
  // model, which has seen them often enough to flatter itself.
  const calibratedOn = (name: ModelName): NetworkWindow[] =>
    name === 'temporal' || heldOut.length >= FEWEST_CALIBRATION ? heldOut : fitted;
  const files = new Map<string, Uint8Array>();
  const entries: Manifest['models'] = {};
  const abstained: Manifest['abstained'] = { ...found.abstained };
  for (const name of MODEL_NAMES) {
    const model = found.models[name];
    if (!model) continue;
    const scores = await calibrationScores(run, name, calibratedOn(name));
    if (scores.length < FEWEST_CALIBRATION) {
      abstained[name] =
        `${scores.length} sequences of ten windows in a row to calibrate on; it needs ${FEWEST_CALIBRATION}`;
      continue;
    }
    files.set(model.file, model.onnx);
    entries[name] = await entryOf(model, scores);
  }
  const all = [...fitted, ...heldOut];
  const starts = all.map(({ start }) => Date.parse(start));
  const unversioned: Manifest = {
    format: MANIFEST_FORMAT,
    group: options.group,
    version: '00000000T000000Z-00000000',
    created_at: options.createdAt.toISOString(),
    seed: options.seed,
    features: [...NETWORK_FEATURES],
    baseline,
    bytes_out_extreme: bytesOutExtreme(fitted),
    recent_out: recentOut([...fitted, ...heldOut]),
    training: {
      from: new Date(Math.min(...extremes(starts))).toISOString(),
      to: new Date(Math.max(...extremes(starts))).toISOString(),
      windows: windows.length,
      high_confidence_windows: all.length,
      hosts: new Set(all.map(({ host }) => host)).size,
    },
    models: entries,
    consensus: null,
    abstained,
    golden: goldenVectors(found.models, fitted, heldOut),
    quality: {
      false_alert_rate: 0,
      false_alerts: 0,
      allowed_false_alerts: 0,
      judged_host_days: 0,
      budget_per_host_day: options.alertBudget,
      injected_found: 0,
    },
  };
  options.onProgress?.('quality', 0.95);
  const manifest = await finishManifest({ manifest: unversioned, run }, heldOut, options);
  options.onProgress?.('done', 1);
  return { manifest, files, run };
}

/** First and last, without spreading a long list. */
function extremes(values: readonly number[]): [number, number] {
  return values.reduce<[number, number]>(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
}

/** @param scores of the windows that calibrate */
async function entryOf(model: FittedModel, scores: Float32Array): Promise<ModelEntry> {
  return {
    file: model.file,
    sha256: await sha256Hex(model.onnx),
    bytes: model.onnx.length,
    calibration: calibrate(scores),
    parameters: model.parameters,
  };
}

/** The reference scores stand in for the runtime here; detect checks that its own agrees before it uses the models. */
function runnerOf(models: FittedModels['models'], pause: Pause = noPause): ModelRunner {
  return async (name, input, rows, hours) => {
    const model = models[name];
    if (!model) throw new RangeError(`no ${name} model was fitted`);
    if (rows <= PIECE_ROWS) return model.score(input, hours);
    const width = input.length / rows;
    const pieces: ModelOutputs[] = [];
    for (let from = 0; from < rows; from += PIECE_ROWS) {
      const to = Math.min(rows, from + PIECE_ROWS);
      pieces.push(model.score(input.subarray(from * width, to * width), hours?.subarray(from, to)));
      await pause();
    }
    return joined(pieces);
  };
}

/** Outputs of rows that follow each other. */
function joined(pieces: readonly ModelOutputs[]): ModelOutputs {
  const floats = (of: (piece: ModelOutputs) => Float32Array | undefined): Float32Array | undefined => {
    const parts = pieces.map(of).filter((part) => part !== undefined);
    const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return parts.length === 0 ? undefined : whole;
  };
  const nearest = pieces.flatMap((piece) => [...(piece.nearest ?? [])]);
  const stepError = floats((piece) => piece.stepError);
  return {
    score: floats(({ score }) => score) ?? new Float32Array(),
    contribution: floats(({ contribution }) => contribution) ?? new Float32Array(),
    ...(nearest.length > 0 && { nearest: Int32Array.from(nearest) }),
    ...(stepError && { stepError }),
  };
}

/** Sequences of the data, one with gaps in it, one far away: what every runtime must score alike. */
function goldenVectors(
  models: FittedModels['models'],
  fitted: readonly NetworkWindow[],
  heldOut: readonly NetworkWindow[],
): GoldenVector[] {
  const windows = [...fitted, ...heldOut];
  const rows = rowsOf(windows);
  const hours = hoursOf(windows);
  const count = windows.length;
  const width = SEQUENCE_LENGTH * FEATURE_COUNT;
  const vectors = Array.from({ length: GOLDEN_VECTORS }, (_, i) => {
    const from = Math.floor((i * Math.max(0, count - SEQUENCE_LENGTH)) / GOLDEN_VECTORS);
    const vector = rows.slice(from * FEATURE_COUNT, from * FEATURE_COUNT + width);
    const hour = hours[from + SEQUENCE_LENGTH - 1] ?? NO_HOUR;
    if (i === 1) return { vector: vector.map((value, at) => (at % 7 === 0 ? Number.NaN : value)), hour: NO_HOUR };
    return { vector: i === 2 ? vector.map((value) => value * 1000 + 1) : vector, hour };
  });
  return vectors.map(({ vector, hour }) => {
    const last = vector.slice(-FEATURE_COUNT);
    const score = (name: ModelName, input: Float32Array): number | undefined =>
      models[name]?.score(input, Float32Array.of(hour)).score[0];
    return {
      rows: Array.from({ length: SEQUENCE_LENGTH }, (_, step) =>
        Array.from(vector.subarray(step * FEATURE_COUNT, (step + 1) * FEATURE_COUNT), (value) =>
          Number.isNaN(value) ? null : value,
        ),
      ),
      hour,
      scores: {
        spatial: score('spatial', last),
        temporal: score('temporal', vector),
        statistical: score('statistical', last),
      },
    };
  });
}

function bytesOutExtreme(windows: readonly NetworkWindow[]): number | null {
  const values = windows.map((window) => window.bytes_out_per_second).filter((value) => typeof value === 'number');
  return values.length < FEWEST_SAMPLES ? null : quantileOfSorted(Float64Array.from(values).sort(), 0.999);
}
