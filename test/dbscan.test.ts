/** DBSCAN, label for label as scikit-learn 1.2 has it; the knee; centroids that follow a shape. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { centroidsOf } from '../models/dbscan/centroids.ts';
import { dbscan, kneeOfDistances, NOISE } from '../models/dbscan/cluster.ts';
import { KdTree } from '../models/dbscan/kd-tree.ts';

/** The generator minstd (Park, Miller, 1988): the same numbers in any language. */
function* minstd(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state = (state * 16807) % 2147483647;
    yield state / 2147483647;
  }
}

/** The shapes, in the order in which they draw their numbers; coordinates rounded to 0.001. */
function shapes(): Map<string, Float64Array> {
  const numbers = minstd(7);
  const next = (): number => numbers.next().value;
  const bell = (): number => next() + next() + next() + next() - 2;
  const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
  const points: Record<string, number[][]> = {};
  points.blobs = [
    [0, 0],
    [5, 0],
    [0, 5],
  ].flatMap(([x = 0, y = 0]) => times(40, () => [x + bell() * 0.6, y + bell() * 0.6]));
  points.moons = [
    ...times(60, (i) => [Math.cos((Math.PI * i) / 59) + bell() * 0.08, Math.sin((Math.PI * i) / 59) + bell() * 0.08]),
    ...times(60, (i) => [
      1 - Math.cos((Math.PI * i) / 59) + bell() * 0.08,
      0.5 - Math.sin((Math.PI * i) / 59) + bell() * 0.08,
    ]),
  ];
  points['varying density'] = [
    ...times(60, () => [bell() * 0.3, bell() * 0.3]),
    ...times(60, () => [6 + bell() * 1.5, bell() * 1.5]),
  ];
  points.duplicates = [...times(20, () => [1, 1]), ...times(3, () => [1.5, 1]), ...times(2, () => [9, 9])];
  points['one point'] = [[3, 4]];
  points['uniform noise'] = times(100, () => [next() * 10, next() * 10]);
  return new Map(
    Object.entries(points).map(([name, rows]) => [
      name,
      Float64Array.from(rows.flat(), (value) => Math.round(value * 1000) / 1000),
    ]),
  );
}

/** Shape, eps, minSamples, and scikit-learn's labels: `1x40` is forty times 1. */
const EXPECTED: [string, number, number, string][] = [
  ['blobs', 0.5, 5, '0x26 -1 0x12 -1 1x40 2x40'],
  ['moons', 0.22, 4, '0x60 1x60'],
  [
    'varying density',
    0.45,
    6,
    '0x60 1 -1x2 1x3 -1 1x3 -1x4 1x3 -1 1 -1 1 -1x2 1x3 -1 1x3 -1x2 1x3 -1 1x2 -1 1 -1x2 1x12 -1 1x3 -1 1',
  ],
  ['duplicates', 0.4, 5, '0x20 -1x5'],
  ['one point', 1, 1, '0'],
  [
    'uniform noise',
    0.7,
    4,
    '-1x2 1 -1x2 0 -1 3 -1x3 3 -1x21 0 2 -1x2 2 -1x3 1x2 -1x15 0 -1x21 1 -1x2 1 -1x2 0 -1 2 -1x3 1 2 0 -1 3x2 -1 1',
  ],
];

const expand = (runs: string): number[] =>
  runs.split(' ').flatMap((run) => {
    const [label = '', count = '1'] = run.split('x');
    return Array.from({ length: Number(count) }, () => Number(label));
  });

describe('dbscan', () => {
  const made = shapes();

  it.each(EXPECTED)('labels %s as scikit-learn does', (name, eps, minSamples, runs) => {
    const { labels } = dbscan(made.get(name) ?? new Float64Array(0), 2, eps, minSamples);
    expect([...labels]).toEqual(expand(runs));
  });

  it('finds every neighbour and the k-th distance that a scan of all rows finds', () => {
    const coordinate = fc.integer({ min: -20, max: 20 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(coordinate, coordinate, coordinate), { minLength: 1, maxLength: 120 }),
        fc.double({ min: 0, max: 30, noNaN: true }),
        (rows, radius) => {
          const tree = new KdTree(Float64Array.from(rows.flat()), 3);
          const distance = (a: number[], b: number[]): number =>
            Math.hypot(...a.map((value, i) => value - (b[i] as number)));
          const found: number[] = [];
          tree.within(0, radius, found);
          const first = rows[0] as number[];
          const squared = rows.flatMap((row, i) =>
            row.reduce((sum, value, k) => sum + (value - (first[k] as number)) ** 2, 0) <= radius * radius ? [i] : [],
          );
          expect(found.toSorted((a, b) => a - b)).toEqual(squared);
          const others = rows
            .slice(1)
            .map((row) => distance(row, first))
            .sort((a, b) => a - b);
          expect(tree.nearestDistance(0, 1)).toBeCloseTo(others[0] ?? Number.POSITIVE_INFINITY, 9);
        },
      ),
    );
  });

  it('leaves few windows of a cloud as noise at the knee', () => {
    const blob = (made.get('blobs') ?? new Float64Array(0)).slice(0, 80);
    const tree = new KdTree(blob, 2);
    const { labels, clusters } = dbscan(blob, 2, kneeOfDistances(tree, 40, 4), 5, tree);
    expect(clusters).toBe(1);
    expect(labels.filter((label) => label === NOISE).length).toBeLessThanOrEqual(4);
  });
});

describe('centroids', () => {
  it('are several for a moon and one for a blob', () => {
    const made = shapes();
    const members = Array.from({ length: 60 }, (_, i) => i);
    expect(
      centroidsOf(
        (made.get('moons') ?? new Float64Array(0)).map((value) => value * 5),
        2,
        members,
        5,
        64,
      ).length,
    ).toBeGreaterThan(2);
    expect(centroidsOf(made.get('blobs') ?? new Float64Array(0), 2, members.slice(0, 40), 5, 64)).toHaveLength(1);
  });
});
