/** The three models and their consensus on a table of any features: fitted, calibrated and scored as the product does. */
import { bootBackend } from '../../cli/tfjs-backend.ts';
import type { ModelName } from '../../contract/features.ts';
import { calibrate, pValue } from '../../models/calibration/p-value.ts';
import { cauchyCombination, MODEL_WEIGHTS } from '../../models/consensus.ts';
import { fitSpatial, scoreSpatial } from '../../models/dbscan/spatial.ts';
import { medianOfSorted } from '../../models/quantile.ts';
import { clip } from '../../models/scaling/clip.ts';
import { type FeatureScale, scaleRows, scalerOf } from '../../models/scaling/scaler.ts';
import { everyNth } from '../../models/training/prepare.ts';
import { LIMIT } from '../../models/vae/network.ts';
import { scoreVae } from '../../models/vae/score.ts';
import { trainVae } from '../../models/vae/train.ts';
import { fitZmad, scoreZmad } from '../../models/zmad/zmad.ts';

/** Rows in the order of a file, row-major, with how each column is scaled. */
export interface Table {
  readonly rows: Float32Array;
  readonly scales: readonly FeatureScale[];
}

export type TableScores = Record<ModelName | 'consensus', Float64Array>;

type Score = (rows: Float32Array) => Float32Array;

/** Rows that are clustered and encoded at most, and that calibrate of each part. */
const MOST_CLUSTERED = 8000;
const MOST_ENCODED = 6000;
const MOST_CALIBRATED = 4000;
/**
 * The models are fitted on all rows, and calibrated by others fitted on all but a part, for each part in turn
 * (cross-conformal: Vovk, Annals of Mathematics and Artificial Intelligence 74, 2015): some tables have 60 rows.
 */
const foldsOf = (rows: number): number => (rows < 1000 ? 5 : 2);
const LATENT = 16;

/** Centre and scale of each column from the rows that models are fitted on. */
export function scalesOf(rows: Float32Array, width: number, log1p: readonly boolean[]): FeatureScale[] {
  const count = rows.length / width;
  return log1p.map((isLog, column) => {
    const values = Float64Array.from({ length: count }, (_, row) => {
      const value = rows[row * width + column] as number;
      return isLog ? Math.log1p(value) : value;
    }).sort();
    const mean = values.reduce((sum, value) => sum + value, 0) / count;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count);
    return { active: true, log1p: isLog, center: medianOfSorted(values), scale: deviation > 1e-9 ? deviation : 1 };
  });
}

/**
 * Fits on `normal`, calibrates on rows of it that were not fitted, scores `test`.
 * @param perFeature the same rows as columns for ZMAD, which judges each by itself; the others' columns where left out
 */
export async function scoreTable(
  normal: { readonly together: Table; readonly perFeature?: Table },
  test: { readonly together: Float32Array; readonly perFeature?: Float32Array },
  seed: number,
): Promise<TableScores> {
  await bootBackend();
  const single = normal.perFeature ?? normal.together;
  const kinds = [
    { name: 'spatial', table: normal.together, rows: test.together, learn: fitSpatialScore },
    { name: 'temporal', table: normal.together, rows: test.together, learn: fitVaeScore(seed) },
    { name: 'statistical', table: single, rows: test.perFeature ?? test.together, learn: fitZmadScore },
  ] as const;
  const count = test.together.length / normal.together.scales.length;
  const scores: TableScores = {
    spatial: new Float64Array(),
    temporal: new Float64Array(),
    statistical: new Float64Array(),
    consensus: new Float64Array(count),
  };
  const p = new Map<ModelName, Float64Array>();
  for (const { name, table, rows, learn } of kinds) {
    const { score, calibration } = await calibrated(table, learn);
    scores[name] = Float64Array.from(score(rows));
    p.set(
      name,
      scores[name].map((value) => pValue(calibration, value)),
    );
  }
  for (let row = 0; row < count; row++) {
    const votes = kinds.map(({ name }) => ({ p: p.get(name)?.[row] as number, weight: MODEL_WEIGHTS[name] }));
    scores.consensus[row] = -Math.log(cauchyCombination(votes));
  }
  return scores;
}

type Learn = (table: Table) => Promise<Score> | Score;

async function calibrated({ rows, scales }: Table, learn: Learn) {
  const width = scales.length;
  const count = rows.length / width;
  const folds = foldsOf(count);
  const heldOut: number[] = [];
  for (let fold = 0; fold < folds; fold++) {
    const score = await learn({ rows: pick(rows, width, (row) => row % folds !== fold), scales });
    const rest = pick(rows, width, (row) => row % folds === fold);
    heldOut.push(...score(everyNth(rest, width, rest.length / width, MOST_CALIBRATED)));
  }
  return { score: await learn({ rows, scales }), calibration: calibrate(heldOut) };
}

function pick(rows: Float32Array, width: number, wanted: (row: number) => boolean): Float32Array {
  const indices = Array.from({ length: rows.length / width }, (_, row) => row).filter(wanted);
  const picked = new Float32Array(indices.length * width);
  for (const [i, row] of indices.entries()) picked.set(rows.subarray(row * width, (row + 1) * width), i * width);
  return picked;
}

const sample = ({ rows, scales }: Table, most: number): Float32Array =>
  everyNth(rows, scales.length, rows.length / scales.length, most);

function fitSpatialScore(table: Table): Score {
  const parameters = fitSpatial(sample(table, MOST_CLUSTERED), table.scales);
  return (rows) => scoreSpatial(parameters, table.scales, rows).score;
}

function fitZmadScore({ rows: normal, scales }: Table): Score {
  const parameters = fitZmad(normal, scales);
  return (rows) => scoreZmad(parameters, scales, rows).score;
}

const fitVaeScore =
  (seed: number) =>
  async (table: Table): Promise<Score> => {
    const { scaled, mask } = scaleRows(sample(table, MOST_ENCODED), scalerOf(table.scales));
    const { parameters } = await trainVae({
      shape: { steps: 1, features: table.scales.length, latent: LATENT },
      inputs: scaled.map((value) => clip(value, LIMIT)),
      masks: mask,
      seed,
    });
    return (rows) => scoreVae(parameters, table.scales, rows).score;
  };
