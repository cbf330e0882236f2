/** NSL-KDD: connections of a test bed, fitted on the normal ones of the 20 % training file, tested on KDDTest+. */
import { join } from 'node:path';
import { REFERENCE_DETECTORS } from '../../models/reference/detectors.ts';
import type { ReferenceName } from '../../models/reference/names.ts';
import { type FeatureScale, scaleRows, scalerOf } from '../../models/scaling/scaler.ts';
import { readCsv } from './csv.ts';
import { auroc, tprAtFpr } from './ranking.ts';
import type { QualityRow, QualitySet } from './row.ts';
import { scalesOf, scoreTable, type Table } from './table-models.ts';

const SEED = 1;
const LABEL = 41;
/** Counts and amounts above this are heavy-tailed and taken by their logarithm; rates and flags are not. */
const LARGEST_RATE = 1.5;

const REACH: Record<string, QualityRow['reach']> = {
  spatial: { auroc: { least: 0.955 } },
  temporal: { auroc: { least: 0.97 } },
  statistical: { auroc: { least: 0.959 } },
  consensus: { auroc: { least: 0.975 }, 'tpr@fpr1%': { least: 0.62 } },
};

/** AUROC and TPR at FPR 1 % with scikit-learn 1.2 on the same split. */
const PEERS: readonly (readonly [string, number, number | null])[] = [
  ['isolation forest', 0.948, 0.53],
  ['5-NN', 0.957, 0.56],
  ['LOF', 0.859, 0.02],
  ['one-class SVM', 0.958, 0.53],
  ['PCA', 0.954, 0.23],
  ['autoencoder 64-16-64', 0.967, 0.57],
  ['ZMAD mean', 0.959, 0.46],
  ['β-VAE (published)', 0.975, null],
];

/** What becomes of one field: one or several numbers. */
type Encoding = (value: string) => number[];

/** How improbable a symbol is among the normal ones: one number, whatever the number of symbols (Shannon's surprisal). */
function surprisal(seen: readonly string[]): Encoding {
  const counts = countsOf(seen);
  return (value) => [-Math.log(((counts.get(value) ?? 0) + 1) / (seen.length + 1))];
}

/** 1 in the column of the symbol: what a model that judges each column by itself can read. */
function indicators(seen: readonly string[]): Encoding {
  const symbols = [...countsOf(seen).keys()].sort();
  return (value) => symbols.map((symbol) => (symbol === value ? 1 : 0));
}

function countsOf(seen: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of seen) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

interface Encoded {
  readonly normal: Table;
  readonly test: Float32Array;
}

function encoded(
  normal: readonly string[][],
  test: readonly string[][],
  types: readonly string[],
  symbolic: (seen: readonly string[]) => Encoding,
): Encoded {
  const encodings = types.map(
    (type, column): Encoding =>
      type === 'symbolic' ? symbolic(normal.map((row) => row[column] as string)) : (value) => [Number(value)],
  );
  const log1p = types.flatMap((type, column) => {
    if (type === 'symbolic') return encodings[column]?.('').map(() => false) ?? [];
    return [normal.some((row) => Number(row[column]) > LARGEST_RATE)];
  });
  const encode = (rows: readonly string[][]): Float32Array =>
    Float32Array.from(rows.flatMap((row) => encodings.flatMap((encoding, column) => encoding(row[column] as string))));
  const rows = encode(normal);
  return { normal: { rows, scales: scalesOf(rows, log1p.length, log1p) }, test: encode(test) };
}

/** Half a minute on so many rows and columns. */
const SLOW: ReadonlySet<ReferenceName> = new Set(['lof']);

const scaledTo = (scales: readonly FeatureScale[], rows: Float32Array): Float64Array =>
  Float64Array.from(scaleRows(rows, scalerOf(scales)).scaled);

async function measure(dataFolder: string): Promise<QualityRow[]> {
  const folder = join(dataFolder, 'nsl-kdd');
  const types = (await readCsv(join(folder, 'fields.csv'))).map(([, type]) => type as string);
  const normal = (await readCsv(join(folder, 'train-20percent.csv.gz'))).filter((row) => row[LABEL] === 'normal');
  const test = await readCsv(join(folder, 'test.csv.gz'));
  const anomalous = test.map((row) => row[LABEL] !== 'normal');
  const together = encoded(normal, test, types, surprisal);
  const perFeature = encoded(normal, test, types, indicators);
  const scores = await scoreTable(
    { together: together.normal, perFeature: perFeature.normal },
    { together: together.test, perFeature: perFeature.test },
    SEED,
  );
  const points = scaledTo(together.normal.scales, together.normal.rows);
  const judged = scaledTo(together.normal.scales, together.test);
  const trafficCount = Float64Array.from(test, (row) => Number(row[22]));
  const figures = (values: Float64Array) => ({
    auroc: auroc(values, anomalous),
    'tpr@fpr1%': tprAtFpr(values, anomalous, 0.01),
    'tpr@fpr0.1%': tprAtFpr(values, anomalous, 0.001),
  });
  return [
    {
      set: 'nsl-kdd',
      detector: 'the field `count` alone',
      kind: 'baseline',
      figures: figures(trafficCount),
    },
    ...PEERS.map(
      ([detector, area, tpr]): QualityRow => ({
        set: 'nsl-kdd',
        detector,
        kind: 'peer',
        figures: { auroc: area, ...(tpr !== null && { 'tpr@fpr1%': tpr }) },
        note: 'scikit-learn 1.2 on the same split, or published',
      }),
    ),
    ...REFERENCE_DETECTORS.filter(({ name }) => !SLOW.has(name)).map(
      ({ name, fit: learn }): QualityRow => ({
        set: 'nsl-kdd',
        detector: `${name} of Vigía`,
        kind: 'peer',
        figures: figures(learn(points, together.normal.scales.length, SEED).score(judged)),
        note: 'reference detector, symbols as surprisal',
      }),
    ),
    ...Object.entries(scores).map(
      ([detector, values]): QualityRow => ({
        set: 'nsl-kdd',
        detector,
        kind: 'vigia',
        figures: figures(values),
        reach: REACH[detector],
      }),
    ),
  ];
}

/** AUROC and true positive rates. */
export const nslKdd: QualitySet = { name: 'nsl-kdd', folder: 'nsl-kdd', measure };
