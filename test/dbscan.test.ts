/** DBSCAN: the published algorithm label for label, and centroids that stand for clusters of any shape. */
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NETWORK_FEATURES } from '../contract/features.ts';
import { centroidsOf } from '../models/dbscan/centroids.ts';
import { dbscan } from '../models/dbscan/cluster.ts';
import { KdTree } from '../models/dbscan/kd-tree.ts';
import { FEWEST_WINDOWS, fitSpatial, scoreSpatial, spatialToOnnx } from '../models/dbscan/spatial.ts';
import { FEATURE_COUNT } from '../models/features.ts';
import { atOnce } from '../models/pauses.ts';
import { normal, seededRandom } from '../models/random.ts';
import { fitBaseline } from '../models/scaling/fit-baseline.ts';
import { inWeb } from './onnx-runtimes.ts';

const PYTHON = '/usr/bin/python3';
const hasSklearn = spawnSync(PYTHON, ['-c', 'import sklearn']).status === 0;

/** Rows of `width` values: two half moons, a blob, and background. */
function moonsAndBlob(count: number, width: number, seed: number): Float64Array {
  const random = seededRandom(seed);
  const rows = new Float64Array(count * width);
  for (let row = 0; row < count; row++) {
    const angle = Math.PI * random();
    const kind = row % 4;
    const [x, y] =
      kind === 0
        ? [Math.cos(angle), Math.sin(angle)]
        : kind === 1
          ? [1 - Math.cos(angle), 0.5 - Math.sin(angle)]
          : kind === 2
            ? [3, 3]
            : [6 * random() - 2, 6 * random() - 2];
    for (let i = 0; i < width; i++) rows[row * width + i] = (i === 0 ? x : i === 1 ? y : 0) + 0.06 * normal(random);
  }
  return rows;
}

function sklearnLabels(rows: Float64Array, width: number, eps: number, minSamples: number): number[] {
  const program = `
import json, sys, numpy
from sklearn.cluster import DBSCAN
given = json.load(sys.stdin)
rows = numpy.array(given['rows']).reshape(-1, given['width'])
print(json.dumps(DBSCAN(eps=given['eps'], min_samples=given['min_samples']).fit(rows).labels_.tolist()))`;
  const input = JSON.stringify({ rows: [...rows], width, eps, min_samples: minSamples });
  const { stdout, stderr, status } = spawnSync(PYTHON, ['-c', program], { input, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

/** The definition itself, without an index: core points, their connected components, border points to the first of them. */
function labelsByDefinition(rows: Float64Array, width: number, eps: number, minSamples: number): number[] {
  const count = rows.length / width;
  const near = (a: number, b: number): boolean => {
    let sum = 0;
    for (let i = 0; i < width; i++) sum += ((rows[a * width + i] as number) - (rows[b * width + i] as number)) ** 2;
    return sum <= eps * eps;
  };
  const all = Array.from({ length: count }, (_, row) => row);
  const core = all.map((row) => all.filter((other) => near(row, other)).length >= minSamples);
  const labels = new Array<number>(count).fill(-1);
  let clusters = 0;
  for (const start of all) {
    if (!core[start] || labels[start] !== -1) continue;
    const stack = [start];
    labels[start] = clusters;
    for (let row = stack.pop(); row !== undefined; row = stack.pop())
      for (const other of all)
        if (core[other] && labels[other] === -1 && near(row, other)) {
          labels[other] = clusters;
          stack.push(other);
        }
    clusters++;
  }
  return labels.map((label, row) => {
    if (label !== -1) return label;
    const reached = all.filter((other) => core[other] && near(row, other)).map((other) => labels[other] as number);
    return reached.length === 0 ? -1 : Math.min(...reached);
  });
}

describe('labels', () => {
  it('of a line of points: a cluster, its border, noise', () => {
    const rows = Float64Array.of(0, 1, 2, 3, 10, 20, 20.5, 21, 21.5);
    expect([...dbscan(rows, 1, 1, 3).labels]).toEqual([0, 0, 0, 0, -1, 1, 1, 1, 1]);
  });

  it('a point between two clusters belongs to the one that comes first', () => {
    const rows = Float64Array.of(0, 0.5, 1, 3, 3.5, 4, 2);
    expect([...dbscan(rows, 1, 1, 4).labels]).toEqual(labelsByDefinition(rows, 1, 1, 4));
    expect([...dbscan(rows, 1, 1, 3).labels]).toEqual([0, 0, 0, 0, 0, 0, 0]);
  });

  it('are those of the definition for any points, repeated ones among them', () => {
    const value = fc.integer({ min: 0, max: 12 }).map((n) => n / 2);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(value, value), { maxLength: 90 }),
        fc.constantFrom(0.5, 0.8, 1, 1.5),
        fc.integer({ min: 2, max: 7 }),
        (points, eps, minSamples) => {
          const rows = Float64Array.from(points.flat());
          expect([...dbscan(rows, 2, eps, minSamples).labels]).toEqual(labelsByDefinition(rows, 2, eps, minSamples));
        },
      ),
      { numRuns: 300, seed: 1 },
    );
  });

  it.skipIf(!hasSklearn).each([
    [2, 0.15, 5],
    [2, 0.3, 8],
    [5, 0.3, 6],
    [11, 0.5, 22],
  ])(
    'are those of scikit-learn in %i dimensions, eps %d, min_samples %i (skipped without python3-sklearn)',
    (width, eps, minSamples) => {
      const rows = moonsAndBlob(2000, width, width);
      const { labels, clusters } = dbscan(rows, width, eps, minSamples);
      expect(clusters).toBeGreaterThan(1);
      expect([...labels]).toEqual(sklearnLabels(rows, width, eps, minSamples));
    },
  );
});

describe('the k-d tree', () => {
  it('gives the distance to the k-th neighbour that sorting all distances gives', () => {
    const rows = moonsAndBlob(300, 3, 4);
    const tree = new KdTree(rows, 3);
    for (const row of [0, 17, 299]) {
      const distances = Array.from({ length: 300 }, (_, other) =>
        Math.hypot(...[0, 1, 2].map((i) => (rows[row * 3 + i] as number) - (rows[other * 3 + i] as number))),
      );
      distances.splice(row, 1);
      distances.sort((a, b) => a - b);
      for (const k of [1, 4, 21]) expect(tree.nearestDistance(row, k)).toBeCloseTo(distances[k - 1] as number, 12);
    }
    expect(tree.nearestDistance(0, 300)).toBe(Number.POSITIVE_INFINITY);
  });
});

/** Windows of ten kinds of traffic far apart, the first of them stretched. */
function tenKinds(count: number): Float32Array {
  const random = seededRandom(3);
  return Float32Array.from({ length: count * FEATURE_COUNT }, (_, at) => {
    const [row, feature] = [Math.floor(at / FEATURE_COUNT), at % FEATURE_COUNT];
    const kind = row % 10;
    const stretch = kind === 0 ? (0.3 * row * feature) / count : 0;
    if (feature === FEATURE_COUNT - 1) return 0.01 * random();
    return Math.exp((((kind * 7 + feature * 3) % 10) + 0.1 * normal(random)) * 0.9 + stretch);
  });
}

describe('centroids', () => {
  it('of a ring are many and none stands in its empty middle', () => {
    const random = seededRandom(8);
    const rows = Float64Array.from({ length: 2000 }, (_, i) => {
      const angle = (2 * Math.PI * (i >> 1)) / 1000;
      return 10 * (i % 2 === 0 ? Math.cos(angle) : Math.sin(angle)) + 0.1 * normal(random);
    });
    const members = Uint32Array.from({ length: 1000 }, (_, row) => row);
    const found = atOnce(centroidsOf(rows, 2, [members], 64));
    expect(Math.min(...found.map(({ center }) => Math.hypot(...center)))).toBeGreaterThan(8);
    expect(found.length).toBeLessThanOrEqual(64);
    expect(found.reduce((sum, one) => sum + one.members, 0)).toBe(1000);
  });

  it('of windows alike in every value are one, fitted in little memory', () => {
    const rows = new Float32Array(8000 * FEATURE_COUNT).fill(1);
    const before = process.memoryUsage().rss;
    const { centroids, clusters } = fitSpatial(rows, fitBaseline(rows));
    expect({ centroids: centroids.length, clusters }).toEqual({ centroids: 1, clusters: 1 });
    // A Worker has 128 MB.
    expect(process.memoryUsage().rss - before).toBeLessThan(100e6);
  });

  it('are not made from too few windows', () => {
    const rows = new Float32Array((FEWEST_WINDOWS - 1) * FEATURE_COUNT).fill(1);
    expect(() => fitSpatial(rows, fitBaseline(rows))).toThrow(/needs 30 windows, and got 29/);
  });

  it('agree between ONNX and reference where two are almost equally near', async () => {
    const rows = tenKinds(4000);
    const baseline = fitBaseline(rows);
    const parameters = fitSpatial(rows, baseline);
    expect(parameters.centroids.length).toBeGreaterThan(9);
    const random = seededRandom(4);
    const between = Float32Array.from({ length: 20_000 * FEATURE_COUNT }, (_, at) => {
      const [row, feature] = [Math.floor(at / FEATURE_COUNT), at % FEATURE_COUNT];
      const one = rows[((row * 7919) % 4000) * FEATURE_COUNT + feature] as number;
      const other = rows[((row * 104_729 + 1) % 4000) * FEATURE_COUNT + feature] as number;
      if (row % 4 === 3) return random() < 0.3 ? Number.NaN : one;
      return row % 4 === 0 ? one : Math.sqrt(one * other);
    });
    const reference = scoreSpatial(parameters, baseline, between);
    const { score = new Float32Array(), nearest = [] } = await inWeb(spatialToOnnx(parameters, baseline), between, [
      20_000,
      FEATURE_COUNT,
    ]);
    let worst = 0;
    let swapped = 0;
    for (const [row, value] of reference.score.entries()) {
      worst = Math.max(worst, Math.abs(Number(score[row]) - value) / Math.max(value, 1e-3));
      if (Number(nearest[row]) !== reference.nearest?.[row]) swapped++;
    }
    expect(worst).toBeLessThan(1e-5);
    expect(swapped).toBe(0);
  });

  it('agree where matrix products cannot tell four neighbours apart', async () => {
    const baseline = NETWORK_FEATURES.map((feature) => ({
      feature,
      active: true,
      log1p: false,
      center: 0,
      scale: 1,
      low: 0,
      high: 0,
      extreme: 0,
    }));
    const spread = 0.2;
    const centroids = [0, 1, 2, 3].map((k) => ({
      center: new Float64Array(FEATURE_COUNT).fill(20 + 0.03 * k),
      spread,
      members: 1,
    }));
    const parameters = { centroids, eps: 1, minSamples: 5, clusters: 4, noise: 0 };
    const rows = Float32Array.from(
      { length: 400 * FEATURE_COUNT },
      (_, at) => 20 + Math.floor(at / FEATURE_COUNT) / 4000,
    );
    const reference = scoreSpatial(parameters, baseline, rows);
    const { score = [] } = await inWeb(spatialToOnnx(parameters, baseline), rows, [400, FEATURE_COUNT]);
    expect(new Set(reference.nearest)).toEqual(new Set([0, 1, 2, 3]));
    for (const [row, value] of reference.score.entries())
      expect(Math.abs(Number(score[row]) - value)).toBeLessThanOrEqual(1e-5 * Math.max(value, 1e-3));
  });

  it('agree on the windows of training of a host that does nearly the same all the time, at one of two paces', async () => {
    const random = seededRandom(5);
    const paces = NETWORK_FEATURES.map((_, feature) => [10 + feature, 4000 * (feature + 1)] as const);
    const rows = Float32Array.from({ length: 2000 * FEATURE_COUNT }, (_, at) => {
      const [slow, fast] = paces[at % FEATURE_COUNT] ?? [0, 0];
      const pace = Math.floor(at / FEATURE_COUNT) % 4 === 0 ? fast : slow;
      return pace * (1 + 0.0004 * random());
    });
    const baseline = fitBaseline(rows);
    const parameters = fitSpatial(rows, baseline);
    const reference = scoreSpatial(parameters, baseline, rows);
    const { score = [] } = await inWeb(spatialToOnnx(parameters, baseline), rows, [2000, FEATURE_COUNT]);
    const worst = Math.max(...reference.score.map((value, row) => Math.abs(Number(score[row]) - value)));
    expect(worst).toBeLessThan(1e-5);
  });

  it('of each window of training are near: the median is within two spreads, and noise is the exception', () => {
    const rows = tenKinds(2000);
    const baseline = fitBaseline(rows);
    const parameters = fitSpatial(rows, baseline);
    const { score } = scoreSpatial(parameters, baseline, rows);
    expect(score.toSorted()[1000]).toBeLessThan(2);
    expect(parameters.noise).toBeLessThan(400);
  });
});
