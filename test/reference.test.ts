/** The reference detectors: against scikit-learn's answers, on any rows, and as voters that only an owner can ask for. */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCsv } from '../bench/quality/csv.ts';
import { auroc } from '../bench/quality/ranking.ts';
import { result } from '../contract/result.ts';
import { KdTree } from '../models/dbscan/kd-tree.ts';
import { FEATURE_COUNT, rowsOf } from '../models/features.ts';
import { normal, seededRandom } from '../models/random.ts';
import { REFERENCE_DETECTORS } from '../models/reference/detectors.ts';
import { isolationForest } from '../models/reference/isolation-forest.ts';
import { kMeans } from '../models/reference/k-means.ts';
import { localOutlierFactor } from '../models/reference/local-outlier-factor.ts';
import { REFERENCE_NAMES, type ReferenceName } from '../models/reference/names.ts';
import { oneClassSvm } from '../models/reference/one-class-svm.ts';
import { sampleRows } from '../models/reference/sample-rows.ts';
import { FewNormalWindowsError, fitReferenceVoters } from '../models/reference/voters.ts';
import { fitBaseline } from '../models/scaling/fit-baseline.ts';
import { demoAttacks, normalWindows } from './fitted-models.ts';

/** Sixty rows of two clusters, one twice as wide, by multiples of irrational numbers: the same in any language. */
const STEPS = [0.7548776662466927, 0.5698402909980532, 0.4191725] as const;
const made = Float64Array.from({ length: 180 }, (_, i) => {
  const row = Math.floor(i / 3);
  const u = (row * (STEPS[i % 3] as number)) % 1;
  return row % 3 === 0 ? 5 + 2 * u : u;
});
const queries = Float64Array.from([0.5, 0.5, 0.5, 6, 6, 6, 1.5, 0.5, 0.5, 3, 3, 3, 6, 6, 8.5, 20, -5, 0]);

const largestError = (actual: Float64Array, expected: readonly number[]): number => {
  expect(actual.length).toBe(expected.length);
  return Math.max(...expected.map((value, i) => Math.abs(value - (actual[i] as number))));
};

describe('scikit-learn 1.2.1 on the same rows, computed once', () => {
  it('has the same local outlier factors', () => {
    const expected = [0.9220209092290081, 1, 1.2753156376537587, 5.768583732949155, 1, 2.117031082068808];
    expect(largestError(localOutlierFactor.fit(made, 3, 1).score(queries), expected)).toBeLessThan(1e-12);
  });

  it('has the same distances to the border of the one-class SVM, within the tolerance of the solvers', () => {
    // OneClassSVM(nu=0.05, gamma='scale', tol=1e-9)
    const expected = [-0.02562325, -0.10692872, 0.03671091, 0.35261077, 0.29388298, 1.3587667];
    expect(largestError(oneClassSvm.fit(made, 3, 1).score(queries), expected)).toBeLessThan(1e-3);
  });

  it('has the same mean scores of isolation forests over twenty seeds, within two deviations of one forest', () => {
    const expected = [0.44451, 0.53047, 0.50564, 0.60701, 0.5867, 0.62535];
    const mean = new Float64Array(6);
    for (let seed = 0; seed < 20; seed++)
      for (const [i, score] of isolationForest.fit(made, 3, seed).score(queries).entries())
        mean[i] = (mean[i] as number) + score / 20;
    expect(largestError(mean, expected)).toBeLessThan(0.01);
  });
});

it('k-means measures the distance to the nearest centre', () => {
  // Sixteen pairs, far apart: each centre lies in the middle of a pair.
  const pairs = Float64Array.from({ length: 64 }, (_, i) => {
    const [row, column] = [i >> 1, i & 1];
    return column === 0 ? 100 * (row >> 1) + (row & 1) : 0;
  });
  const scores = kMeans.fit(pairs, 2, 3).score(Float64Array.from([0.5, 0, 700.5, 2, 1500.5 + 30, 40]));
  expect(largestError(scores, [0, 2, 50])).toBeLessThan(1e-9);
});

/** Tables of ADBench, and scikit-learn's KMeans(16, n_init=1, random_state=0) on them, which peers.csv does not have. */
const TABULAR = fileURLToPath(new URL('../../shared/data/tabular/', import.meta.url));
const TABLES = ['45_wine', '42_WBC', '4_breastw', '29_Pima', '40_vowels', '6_cardio', '38_thyroid'];
const K_MEANS_MEAN = 0.9367;
const PEER_COLUMNS: Partial<Record<ReferenceName, string>> = {
  'isolation-forest': 'isolation_forest',
  lof: 'lof20',
  'one-class-svm': 'ocsvm',
};

interface Split {
  readonly fit: Float64Array;
  readonly test: Float64Array;
  readonly width: number;
  readonly anomalous: boolean[];
}

/** Standardised by the rows that are fitted. */
async function readTable(name: string): Promise<Split> {
  const [header = [], ...lines] = await readCsv(join(TABULAR, `${name}.csv.gz`));
  const width = header.length - 2;
  const of = (rows: string[][]) => Float64Array.from(rows.flatMap((fields) => fields.slice(0, width).map(Number)));
  const fit = of(lines.filter((fields) => fields.at(-1) === 'fit'));
  const tested = lines.filter((fields) => fields.at(-1) !== 'fit');
  const test = of(tested);
  for (let column = 0; column < width; column++) {
    const values = fit.filter((_, i) => i % width === column);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
    for (const rows of [fit, test])
      for (let i = column; i < rows.length; i += width) rows[i] = ((rows[i] as number) - mean) / (deviation || 1);
  }
  return { fit, test, width, anomalous: tested.map((fields) => fields.at(-2) === '1') };
}

describe.skipIf(!existsSync(TABULAR))('seven tables of ADBench (skipped without ../shared/data/tabular)', () => {
  let splits: Split[];
  let peers: string[][];
  beforeAll(async () => {
    splits = await Promise.all(TABLES.map(readTable));
    peers = await readCsv(join(TABULAR, 'peers.csv'));
  });

  it.each([...REFERENCE_NAMES])("%s has scikit-learn's mean AUROC within 0.02", (name) => {
    const detector = REFERENCE_DETECTORS.find((one) => one.name === name);
    const column = peers[0]?.indexOf(PEER_COLUMNS[name] ?? '') ?? -1;
    let [own, peer] = [0, 0];
    for (const [i, { fit, test, width, anomalous }] of splits.entries()) {
      own += auroc(detector?.fit(fit, width, 1).score(test) ?? [], anomalous) / TABLES.length;
      const row = peers.find(([table]) => table === TABLES[i]);
      peer += (column < 0 ? K_MEANS_MEAN : Number(row?.[column])) / TABLES.length;
    }
    expect(Math.abs(own - peer)).toBeLessThan(0.02);
  });
});

it('all four detectors are tested, by their names', () => {
  expect(REFERENCE_DETECTORS.map(({ name }) => name)).toEqual([...REFERENCE_NAMES]);
});

const rowsOfAny = fc.integer({ min: 1, max: 4 }).chain((width) =>
  fc.record({
    width: fc.constant(width),
    points: fc
      .array(
        fc.array(fc.oneof(fc.constantFrom(0, 1, 1e6), fc.double({ min: -1e3, max: 1e3, noNaN: true })), {
          minLength: width,
          maxLength: width,
        }),
        { minLength: 2, maxLength: 60 },
      )
      .map((rows) => Float64Array.from(rows.flat())),
  }),
);

describe.each(REFERENCE_DETECTORS)('$name', (detector) => {
  it('gives the same scores for the same rows and seed, and leaves the rows as they were', () => {
    const [points, asked] = [made.slice(), queries.slice()];
    const scores = detector.fit(points, 3, 7).score(asked);
    expect(detector.fit(points, 3, 7).score(asked)).toEqual(scores);
    expect([points, asked]).toEqual([made, queries]);
  });

  it('scores a row by itself as among others', () => {
    const fitted = detector.fit(made, 3, 7);
    const together = fitted.score(queries);
    for (const [i, score] of together.entries())
      expect(fitted.score(queries.slice(3 * i, 3 * i + 3))).toEqual(Float64Array.of(score));
  });

  it('ranks what is far from both clusters above what is in one', () => {
    const [inFirst = 0, inSecond = 0, , between = 0, , far = 0] = detector.fit(made, 3, 7).score(queries);
    expect(Math.min(between, far)).toBeGreaterThan(Math.max(inFirst, inSecond));
  });

  it('gives finite scores whatever the rows: few, alike, repeated, far apart', () => {
    fc.assert(
      fc.property(rowsOfAny, ({ points, width }) => {
        const scores = detector.fit(points, width, 1).score(points);
        expect(scores.length).toBe(points.length / width);
        expect(scores.every(Number.isFinite)).toBe(true);
      }),
      { numRuns: 40, seed: 1 },
    );
    expect(detector.fit(new Float64Array(300), 3, 1).score(queries).every(Number.isFinite)).toBe(true);
  });
});

describe('what bounds memory', () => {
  it('is a sample of different rows, the same by the same seed', () => {
    const points = Float64Array.from({ length: 2000 }, (_, i) => i);
    const sample = sampleRows(points, 2, 300, seededRandom(4));
    expect(sampleRows(points, 2, 300, seededRandom(4))).toEqual(sample);
    const firsts = sample.filter((_, i) => i % 2 === 0);
    expect(new Set(firsts).size).toBe(300);
    expect(firsts.every((first, i) => first % 2 === 0 && sample[2 * i + 1] === first + 1)).toBe(true);
  });

  it.each(REFERENCE_DETECTORS)('lets $name fit 30,000 rows of eleven features', (detector) => {
    const random = seededRandom(2);
    const points = Float64Array.from({ length: 30_000 * 11 }, () => normal(random));
    const [ordinary = 0, strange = 0] = detector
      .fit(points, 11, 1)
      .score(Float64Array.from({ length: 22 }, (_, i) => (i < 11 ? 0 : 6)));
    expect(strange).toBeGreaterThan(ordinary);
  }, 60_000);
});

it('the tree finds the same nearest rows as comparing with every row', () => {
  const random = seededRandom(9);
  const rows = Float64Array.from({ length: 500 * 3 }, () => Math.round(8 * normal(random)) / 4);
  const tree = new KdTree(rows, 3);
  const found = { rows: new Uint32Array(7), distances: new Float64Array(7) };
  for (let i = 0; i < 200; i++) {
    const point = Float64Array.from({ length: 3 }, () => 2 * normal(random));
    const distanceOf = (row: number): number => Math.hypot(...point.map((x, k) => x - (rows[row * 3 + k] as number)));
    const all = Float64Array.from({ length: 500 }, (_, row) => distanceOf(row)).sort();
    tree.nearest(point, found);
    expect(largestError(found.distances, [...all.subarray(0, 7)])).toBeLessThan(1e-12);
    expect(largestError(found.distances, [...found.rows].map(distanceOf))).toBeLessThan(1e-12);
    expect(new Set(found.rows).size).toBe(7);
  }
});

describe('voters', () => {
  const windows = normalWindows(1500, 4);
  const baseline = fitBaseline(rowsOf(windows));

  it('give unseen normal windows p-values below 0.05 in about one of twenty, and attacks mostly smaller ones', () => {
    const voters = fitReferenceVoters([...REFERENCE_NAMES], windows, baseline, 1);
    const unseen = voters(rowsOf(normalWindows(2000, 77)));
    const attacks = voters(rowsOf(demoAttacks().map(({ observed }) => observed)));
    const smallShare = (rows: typeof unseen, name: ReferenceName): number =>
      rows.filter((votes) => votes.some((vote) => vote.name === name && vote.p < 0.05)).length / rows.length;
    for (const name of REFERENCE_NAMES) {
      expect(smallShare(unseen, name), name).toBeGreaterThan(0.02);
      expect(smallShare(unseen, name), name).toBeLessThan(0.09);
      expect(smallShare(attacks, name), name).toBeGreaterThan(0.9);
    }
  });

  it('are those that were asked for, and take a window without any measurement', () => {
    const voters = fitReferenceVoters(['lof', 'k-means'], windows, baseline, 1);
    const [votes = []] = voters(new Float32Array(FEATURE_COUNT).fill(Number.NaN));
    expect(votes.map(({ name }) => name)).toEqual(['k-means', 'lof']);
    expect(votes.every(({ p }) => p > 0 && p <= 1)).toBe(true);
  });

  it('are refused where too few windows are left to calibrate on', () => {
    expect(() => fitReferenceVoters(['lof'], windows.slice(0, 200), baseline, 1)).toThrow(FewNormalWindowsError);
  });
});

it('no Worker loads them: outside their folder only their types are imported, and the command line loads them', () => {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const files = globSync('{contract,models,functions,collector}/**/*.ts', { cwd: root });
  const importers = files.filter((file) => !file.startsWith('models/reference/')).map((file) => join(root, file));
  const lines = importers.flatMap((file) => readFileSync(file, 'utf8').match(/^import .*\/reference\/.*$/gm) ?? []);
  expect(lines.length).toBeGreaterThan(0);
  expect(lines.filter((line) => !line.startsWith('import type '))).toEqual([]);
});

describe('vigia detect --reference', () => {
  let folder: string;
  const vigia = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, [fileURLToPath(new URL('../cli/vigia.ts', import.meta.url)), ...args], {
      cwd: folder,
      encoding: 'utf8',
    });
  const reference = ['--reference', 'lof,isolation-forest', '--normal', 'normal.ndjson'];
  const lines = (list: object[]): string => `${list.map((window) => JSON.stringify(window)).join('\n')}\n`;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vigia-reference-'));
    const windows = normalWindows(600, 4);
    const [attack] = demoAttacks();
    writeFileSync(join(folder, 'normal.ndjson'), lines(windows));
    const later = normalWindows(40, 5);
    writeFileSync(
      join(folder, 'today.ndjson'),
      lines([...later.slice(0, 39), { ...later[39], ...attack?.observed, duration_s: 1 }]),
    );
    const { status, stderr } = vigia('train', '--windows', 'normal.ndjson', '--out', 'models');
    expect(status, stderr).toBe(0);
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const noteOf = (stdout: string): string[] =>
    stdout
      .trim()
      .split('\n')
      .flatMap((line) => result.parse(JSON.parse(line)).explanation.notes)
      .filter(({ kind }) => kind === 'reference_votes')
      .map(({ text }) => text);

  it('shows the votes beside the models, in the table and in JSON; without it there are none', () => {
    const table = vigia('detect', 'today.ndjson', '--models', 'models', ...reference);
    expect(table.stderr).toMatch(/lof, isolation-forest vote beside the models, fitted on \d+ windows/);
    expect(table.stdout).toMatch(/voted beside the models: lof [\d.]+, isolation-forest [\d.]+/);
    const json = vigia('detect', 'today.ndjson', '--models', 'models', '--json', ...reference);
    expect(noteOf(json.stdout).length).toBeGreaterThan(0);
    expect(noteOf(vigia('detect', 'today.ndjson', '--models', 'models', '--json').stdout)).toEqual([]);
  });

  it('changes the consensus: they vote', () => {
    const consensus = (...more: string[]): number[] =>
      vigia('detect', 'today.ndjson', '--models', 'models', '--json', ...more)
        .stdout.trim()
        .split('\n')
        .map((line) => result.parse(JSON.parse(line)).scores.consensus);
    expect(consensus(...reference)).not.toEqual(consensus());
  });

  it('says what it needs, and which names there are', () => {
    expect(vigia('detect', 'today.ndjson', '--reference', 'lof')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/needs --models DIR.*--normal FILE/),
    });
    expect(vigia('detect', 'today.ndjson', '--reference', 'oracle')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/k-means, lof, one-class-svm, isolation-forest/),
    });
  });
});
