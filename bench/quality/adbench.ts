/** ADBench: 18 tables of all kinds, fitted on the normal rows marked for it: how general the models are. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readCsv } from './csv.ts';
import { auroc } from './ranking.ts';
import type { QualityRow, QualitySet } from './row.ts';
import { scalesOf, scoreTable, type TableScores } from './table-models.ts';

const SEED = 1;
const DETECTORS = ['spatial', 'temporal', 'statistical', 'consensus'] as const;
const REACH: Record<(typeof DETECTORS)[number], number> = {
  spatial: 0.94,
  temporal: 0.93,
  statistical: 0.89,
  consensus: 0.95,
};

/** AUROC of each detector on one table. */
async function measureTable(path: string): Promise<Record<keyof TableScores | 'sum of squares', number>> {
  const [header = [], ...lines] = await readCsv(path);
  const width = header.length - 2;
  const rowsOf = (wanted: string[][]): Float32Array =>
    Float32Array.from(wanted.flatMap((fields) => fields.slice(0, width).map(Number)));
  const fit = rowsOf(lines.filter((fields) => fields.at(-1) === 'fit'));
  const tested = lines.filter((fields) => fields.at(-1) !== 'fit');
  const test = rowsOf(tested);
  const anomalous = tested.map((fields) => fields.at(-2) === '1');
  const scales = scalesOf(fit, width, Array<boolean>(width).fill(false));
  const scores = await scoreTable({ together: { rows: fit, scales } }, { together: test }, SEED);
  const squares = Float64Array.from(anomalous, (_, row) =>
    scales.reduce((sum, { center, scale }, i) => sum + (((test[row * width + i] as number) - center) / scale) ** 2, 0),
  );
  return {
    spatial: auroc(scores.spatial, anomalous),
    temporal: auroc(scores.temporal, anomalous),
    statistical: auroc(scores.statistical, anomalous),
    consensus: auroc(scores.consensus, anomalous),
    'sum of squares': auroc(squares, anomalous),
  };
}

async function measure(dataFolder: string): Promise<QualityRow[]> {
  const folder = join(dataFolder, 'tabular');
  const files = (await readdir(folder)).filter((name) => name.endsWith('.csv.gz')).sort();
  const measured: Awaited<ReturnType<typeof measureTable>>[] = [];
  for (const name of files) {
    measured.push(await measureTable(join(folder, name)));
  }
  const mean = (name: keyof (typeof measured)[number]): number =>
    measured.reduce((sum, one) => sum + one[name], 0) / measured.length;
  const peers = await readCsv(join(folder, 'peers.csv'));
  const names = peers[0] ?? [];
  const means = peers.find(([set]) => set === 'mean') ?? [];
  return [
    { set: 'adbench', detector: 'sum of squared z', kind: 'baseline', figures: { auroc: mean('sum of squares') } },
    ...names.slice(4).map(
      (detector, i): QualityRow => ({
        set: 'adbench',
        detector,
        kind: 'peer',
        figures: { auroc: Number(means[i + 4]) },
        note: 'scikit-learn 1.2, same split',
      }),
    ),
    ...DETECTORS.map(
      (detector): QualityRow => ({
        set: 'adbench',
        detector,
        kind: 'vigia',
        figures: { auroc: mean(detector) },
        reach: { auroc: { least: REACH[detector] } },
      }),
    ),
  ];
}

/** Mean AUROC over the tables. */
export const adbench: QualitySet = { name: 'adbench', folder: 'tabular', measure };
