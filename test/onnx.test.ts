/** The ONNX writer and the scaling that every graph begins with. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NETWORK_FEATURES } from '../contract/features.ts';
import { FEATURE_COUNT, LARGEST_VALUE, networkFeatures } from '../models/features.ts';
import { Graph } from '../models/onnx/graph.ts';
import { normal, seededRandom } from '../models/random.ts';
import { addScaling } from '../models/scaling/add-scaling.ts';
import { fitBaseline } from '../models/scaling/fit-baseline.ts';
import { scaleRows, scalerOf } from '../models/scaling/scaler.ts';
import { inNode, inWeb } from './onnx-runtimes.ts';

const doubled = (): Uint8Array => {
  const graph = new Graph('double');
  const x = graph.input('x', ['N', 2]);
  graph.output('y', ['N', 2], graph.node('Mul', [x, graph.scalar(2)]));
  return graph.toModel();
};

describe('a graph', () => {
  it('is the same bytes each time', () => {
    expect(doubled()).toEqual(doubled());
  });

  it('opens with IR 9 and its producer, and ends with opset 18', () => {
    const bytes = doubled();
    // Field 1 (ir_version) varint 9; field 2 (producer_name), 5 bytes "vigia".
    expect([...bytes.slice(0, 9)]).toEqual([0x08, 9, 0x12, 5, ...new TextEncoder().encode('vigia')]);
    // Field 8 (opset_import), 4 bytes: field 1 (domain) empty, field 2 (version) 18.
    expect([...bytes.slice(-6)]).toEqual([0x42, 4, 0x0a, 0, 0x10, 18]);
  });

  it('runs on any number of rows in both runtimes', async () => {
    for (const run of [inWeb, inNode])
      for (const rows of [1, 3]) {
        const x = Float32Array.from({ length: 2 * rows }, (_, i) => i - 1.5);
        expect((await run(doubled(), x, [rows, 2])).y).toEqual(x.map((value) => 2 * value));
      }
  });

  it('refuses a constant with another number of values than its shape has', () => {
    expect(() => new Graph('g').floats([2, 3], [1, 2])).toThrow(/\[2,3\] holds 6 values, but 2/);
  });

  it('carries integers, booleans and the smallest indices', async () => {
    const graph = new Graph('all');
    const x = graph.input('x', ['N', 3]);
    const kept = graph.node('Where', [graph.booleans([3], [1, 0, 1]), x, graph.scalar(-1)]);
    graph.output('kept', ['N', 3], kept);
    graph.output('smallest', ['N', 2], graph.smallest(kept, 2), 'int64');
    const { kept: found, smallest } = await inWeb(graph.toModel(), Float32Array.of(5, 6, 4), [1, 3]);
    expect([...(found ?? [])]).toEqual([5, -1, 4]);
    expect([...(smallest ?? [])]).toEqual([1n, 2n]);
  });
});

const random = seededRandom(1);
const TRAINING = Float32Array.from({ length: 200 * FEATURE_COUNT }, (_, at) =>
  at % FEATURE_COUNT === 10 ? 0.01 * random() : Math.exp(5 + normal(random)),
);

describe('scaling', () => {
  const baseline = fitBaseline(TRAINING);
  const value = fc.oneof(
    fc.constantFrom(0, Number.NaN, 1e12, LARGEST_VALUE),
    fc.double({ min: 0, max: 1000, noNaN: true }),
  );

  it.each([
    ['N', FEATURE_COUNT],
    ['N', 10, FEATURE_COUNT],
  ])('of rows and of sequences agrees with its nodes in a graph (%s, %s, %s)', async (...shape) => {
    const graph = new Graph('scaling');
    const { scaled, mask } = addScaling(graph, graph.input('x', shape), baseline);
    graph.output('z', shape, scaled);
    graph.output('m', shape, mask);
    const onnx = graph.toModel();
    const size = shape.slice(1).reduce<number>((product, dim) => product * Number(dim), 1);
    await fc.assert(
      fc.asyncProperty(fc.array(value, { minLength: size, maxLength: size }), async (values) => {
        const rows = Float32Array.from(values);
        const { z = [], m } = await inWeb(onnx, rows, [1, ...shape.slice(1).map(Number)]);
        const reference = scaleRows(rows, scalerOf(baseline));
        expect(m).toEqual(reference.mask);
        for (const [i, expected] of reference.scaled.entries())
          expect(Math.abs(Number(z[i]) - expected)).toBeLessThanOrEqual(1e-6 * Math.abs(expected));
      }),
      { numRuns: 50, seed: 1 },
    );
  });

  it('puts the median at 0, a missing value at 0 with mask 0, and ignores an inactive feature', () => {
    const inactive = baseline.map((one, i) => (i === 3 ? { ...one, active: false } : one));
    const row = Float32Array.from(inactive, ({ log1p, center }) => (log1p ? Math.expm1(center) : center));
    row[5] = Number.NaN;
    const { scaled, mask } = scaleRows(row, scalerOf(inactive));
    for (const one of scaled) expect(one).toBeCloseTo(0, 5);
    expect([...mask]).toEqual([1, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1]);
  });

  it('calls one more port than always is one unit, not an outlier', () => {
    const rows = new Float32Array(100 * FEATURE_COUNT).fill(1);
    const same = fitBaseline(rows);
    const { scaled } = scaleRows(new Float32Array(FEATURE_COUNT).fill(2), scalerOf(same));
    expect(scaled[NETWORK_FEATURES.indexOf('unique_ports')]).toBeCloseTo(1, 5);
  });

  it('uses a feature from thirty values and a twentieth of the windows on', () => {
    const seen = (observed: number, windows: number): boolean | undefined => {
      const rows = new Float32Array(windows * FEATURE_COUNT).fill(Number.NaN);
      for (let row = 0; row < observed; row++) rows[row * FEATURE_COUNT] = row;
      return fitBaseline(rows)[0]?.active;
    };
    expect([seen(29, 100), seen(30, 100), seen(49, 1000), seen(50, 1000)]).toEqual([false, true, false, true]);
  });

  it('keeps the quantiles for people in the unit of the window', () => {
    const rows = new Float32Array(1001 * FEATURE_COUNT).fill(Number.NaN);
    for (let row = 0; row <= 1000; row++) rows[row * FEATURE_COUNT] = row;
    const [first] = fitBaseline(rows);
    expect([first?.low, first?.high, first?.extreme]).toEqual([10, 990, 999]);
  });
});

describe('the features of a window', () => {
  it('are NaN where absent or null, and counts are per second of its length', () => {
    const row = networkFeatures({
      packets_per_second: 7,
      bytes_per_second: null,
      tcp_packets: 10,
      unique_ports: 4,
      duration_s: 2,
    });
    expect([...row]).toEqual([7, Number.NaN, Number.NaN, 4, 5, ...new Array(6).fill(Number.NaN)]);
  });

  it('of a flat object are taken as they are', () => {
    expect(networkFeatures({ syn_packets: 10 })[NETWORK_FEATURES.indexOf('syn_packets')]).toBe(10);
  });

  it('stay finite in float32, whatever was sent', () => {
    expect(networkFeatures({ bytes_per_second: Number.MAX_VALUE })[1]).toBe(Math.fround(LARGEST_VALUE));
  });
});
