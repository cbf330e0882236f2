/** A model file that is not ours is refused before the runtime sees it, and the edge goes on with what it has. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAX_WINDOWS } from '../contract/detect-request.ts';
import { NETWORK_FEATURES } from '../contract/features.ts';
import { requireBounded } from '../models/onnx/bounded.ts';
import { decodeModel, ForeignModelError } from '../models/onnx/decode.ts';
import { encodeModel } from '../models/onnx/encode.ts';
import { Graph } from '../models/onnx/graph.ts';
import { quietWindow, scanWindow, type TestEdge, testEdge } from './edge-fixture.ts';
import { fittedModels } from './fitted-models.ts';
import { toyManifest, toyModel, upload, version } from './model-fixture.ts';

const WIDTH = NETWORK_FEATURES.length;

/** Squares the number of values again and again: 11, 121, …, more than 10^33. */
function growing(): Uint8Array {
  const graph = new Graph('growing');
  const rows = graph.input('rows', ['N', WIDTH]);
  graph.input('hours', ['N']);
  let value = rows;
  for (let i = 0; i < 5; i++) {
    const column = graph.node('Reshape', [value, graph.integers([2], [-1, 1])]);
    value = graph.node('Mul', [column, graph.node('Reshape', [value, graph.integers([2], [1, -1])])]);
  }
  graph.output('score', ['M'], graph.node('Reshape', [value, graph.integers([1], [-1])]));
  graph.output('contribution', ['N', WIDTH], rows);
  return graph.toModel();
}

/** Asks for as much work as the shape of a product can hold. */
function slow(): Uint8Array {
  const graph = new Graph('slow');
  const rows = graph.input('rows', ['N', WIDTH]);
  graph.input('hours', ['N']);
  const wide = graph.node('MatMul', [rows, graph.floats([WIDTH, 1400], new Float32Array(WIDTH * 1400))]);
  let value = wide;
  const weights = graph.floats([1400, 1400], new Float32Array(1400 * 1400));
  for (let i = 0; i < 200; i++) value = graph.node('MatMul', [value, weights]);
  graph.output('score', ['N'], graph.node('ReduceMax', [value, graph.integers([1], [1])], { keepdims: { int: 0 } }));
  graph.output('contribution', ['N', WIDTH], rows);
  return graph.toModel();
}

/** One node of the given operator, with as many inputs as it may want. */
function of(operator: string, values: number[] = [1_000_000_000]): Uint8Array {
  const graph = new Graph(operator);
  const rows = graph.input('rows', ['N', WIDTH]);
  graph.input('hours', ['N']);
  graph.output('score', ['N'], graph.node(operator, [rows, graph.integers([values.length], values)]));
  return graph.toModel();
}

/** Length-delimited field 7 (graph) of a model, within which attribute 6 of a node is a graph: the body of a loop. */
const SUBGRAPH = new Uint8Array([0x3a, 6, 0x0a, 4, 0x2a, 2, 0x32, 0]);
/** A tensor whose data stand in another file (data_location = EXTERNAL). */
const EXTERNAL = new Uint8Array([0x3a, 4, 0x2a, 2, 0x70, 1]);

const HOSTILE: [string, Uint8Array, RegExp][] = [
  ['grows beyond all memory', growing(), /larger than any of ours/],
  ['computes for minutes', slow(), /larger than any of ours/],
  ['loops', of('Loop'), /node Loop is of an operator that none of ours has/],
  ['repeats itself', of('Tile', [1, 1_000_000]), /Tile/],
  ['makes a tensor of any size', of('ConstantOfShape'), /ConstantOfShape/],
  ['expands', of('Expand', [1e9, WIDTH]), /Expand/],
  ['is called as a property of every object', of('constructor'), /constructor/],
  ['holds a subgraph', SUBGRAPH, /attribute has field 6/],
  ['reads another file', EXTERNAL, /tensor has field 14/],
  ['is a web page', new TextEncoder().encode('<html>not found</html>'), /model has field|no ONNX model/],
  ['is empty', new Uint8Array(), /bytes: Too small/],
  ['is of zeros', new Uint8Array(4096), /no ONNX model/],
  ['is too large', new Uint8Array(9 * 1024 * 1024), /9437184 bytes/],
];

describe('the models of training', () => {
  it('are read as they were written, and are far from every bound', async () => {
    const models = await fittedModels(1_200, 1);
    expect(models).toHaveLength(3);
    for (const { onnx } of models) {
      const graph = decodeModel(onnx);
      expect(Buffer.from(encodeModel(graph)).equals(Buffer.from(onnx))).toBe(true);
      expect(() => requireBounded(graph, 10 * MAX_WINDOWS)).not.toThrow();
      expect(onnx.byteLength).toBeLessThan(800_000);
    }
  });
});

it('20,000 damaged models are refused or bounded, each in no time', () => {
  const onnx = toyModel();
  const change = fc.record({ at: fc.nat(onnx.length - 1), byte: fc.integer({ min: 0, max: 255 }) });
  let slowest_ms = 0;
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), fc.option(fc.nat(onnx.length)), (changes, cut) => {
      const damaged = onnx.slice(0, cut ?? onnx.length);
      for (const { at, byte } of changes) if (at < damaged.length) damaged[at] = byte;
      const began = performance.now();
      try {
        requireBounded(decodeModel(damaged), MAX_WINDOWS);
      } catch (error) {
        if (!(error instanceof ForeignModelError)) throw error;
      }
      slowest_ms = Math.max(slowest_ms, performance.now() - began);
    }),
    { numRuns: 20_000 },
  );
  expect(slowest_ms).toBeLessThan(1_000);
});

describe('in workerd, with the hash that the manifest says', () => {
  let edge: TestEdge;
  let serial = 0;
  const sound = toyModel();
  beforeAll(async () => {
    edge = await testEdge();
  });
  afterAll(() => edge.remove());

  const health = async (group: string): Promise<{ model_version: string | null; reason: string }> => {
    const answer = await fetch(`${edge.url}/health?group=${group}`);
    const { model_version, refused_model } = (await answer.json()) as {
      model_version: string | null;
      refused_model: { reason: string } | null;
    };
    return { model_version, reason: refused_model?.reason ?? '' };
  };

  const put = async (group: string, onnx: Uint8Array, second: number): Promise<void> =>
    upload(edge, toyManifest(version(second), onnx, { group }), onnx, group);

  it.each(HOSTILE)('a model that %s is refused within a second, and detection goes on', async (_, onnx, reason) => {
    const group = `hostile-${serial++}`;
    await put(group, onnx, 1);
    const began = Date.now();
    const [result] = await edge.detect([scanWindow('192.0.2.1', { group })]);
    expect(Date.now() - began).toBeLessThan(1_000);
    expect(result?.threat_types).toContain('port_scan');
    expect((await health(group)).reason).toMatch(reason);
  });

  it('bytes that are not those of the manifest are refused', async () => {
    const manifest = toyManifest(version(1), sound, { group: 'swapped' });
    await upload(edge, manifest, growing(), 'swapped');
    await edge.detect([quietWindow({ group: 'swapped' })]);
    expect((await health('swapped')).reason).toMatch(/has SHA-256 [0-9a-f]{64}, the manifest says/);
  });

  it('a manifest that names a file elsewhere is refused', async () => {
    const manifest = toyManifest(version(1), sound, { group: 'elsewhere' });
    const statistical = { ...manifest.models.statistical!, file: '../../other/secret.onnx' };
    await upload(edge, { ...manifest, models: { statistical } }, sound, 'elsewhere');
    await edge.detect([quietWindow({ group: 'elsewhere' })]);
    expect((await health('elsewhere')).reason).toMatch(/models\.statistical\.file: must be a name/);
  });

  it('damaged models neither end nor hang it: afterwards a sound one judges', async () => {
    const random = fc.sample(fc.record({ at: fc.nat(sound.length - 1), bit: fc.nat(7) }), { numRuns: 60, seed: 1 });
    for (const [index, { at, bit }] of random.entries()) {
      const damaged = sound.slice();
      damaged[at] = (damaged[at] ?? 0) ^ (1 << bit);
      const group = `damaged-${index}`;
      await put(group, damaged, 1);
      const began = Date.now();
      expect(await edge.detect([quietWindow({ group })])).toHaveLength(1);
      expect(Date.now() - began).toBeLessThan(2_000);
    }
    await put('sound', sound, 2);
    const [result] = await edge.detect([quietWindow({ group: 'sound' })]);
    expect(result?.model_version).toBe(version(2));
  });
});
