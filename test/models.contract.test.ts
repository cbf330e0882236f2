/** What every model must hold: one suite for all three, on the demo's traffic with sequences of ten. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { bootBackend } from '../cli/tfjs-backend.ts';
import type { FlatObject } from '../contract/detect-request.ts';
import { MODEL_NAMES, type ModelName, NETWORK_FEATURES, SEQUENCE_LENGTH } from '../contract/features.ts';
import type { FeatureBaseline } from '../contract/manifest.ts';
import type { NetworkWindow } from '../contract/network-window.ts';
import { openModel } from '../functions/detect/onnx-session.ts';
import { networkFeatures } from '../models/features.ts';
import { fitBaseline } from '../models/scaling/fit-baseline.ts';
import { type FittedModel, type FittedModels, fitModels } from '../models/training/fit-models.ts';
import { injectedAttacks, normalTraffic } from '../models/training/injected-attacks.ts';
import { rowsOf } from '../models/training/prepare.ts';

const FEATURES = NETWORK_FEATURES.length;
/** Of the score, and of nothing smaller than 0.01: below that a score only says "ordinary". */
const TOLERANCE = 1e-5;
const SMALLEST = 0.01;

const windowsOf = (traffic: FlatObject[]): NetworkWindow[] =>
  traffic.map((measured, second) => ({
    id: `w${second}`,
    host: 'h',
    group: 'default',
    interface: 'eth0',
    start: new Date(Date.UTC(2026, 0, 1) + 1000 * second).toISOString(),
    duration_s: 1,
    ...measured,
  }));

const training = windowsOf(normalTraffic(400, 1));
const wasm = createRequire(import.meta.url).resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm');

let baseline: FeatureBaseline[];
let fitted: FittedModels;
let again: FittedModels;

beforeAll(async () => {
  baseline = fitBaseline(rowsOf(training));
  fitted = await fitModels(training, baseline, { seed: 7, bootBackend });
  again = await fitModels(training, baseline, { seed: 7, bootBackend });
});

const model = (name: ModelName): FittedModel => {
  const found = fitted.models[name];
  if (!found) throw new Error(`no ${name} model: ${fitted.abstained[name]}`);
  return found;
};

/** A row as the model takes it: the temporal one gets it as the last of ten. */
function inputOf(name: ModelName, rows: Float32Array[]): Float32Array {
  if (name !== 'temporal') return Float32Array.from(rows.flatMap((row) => [...row]));
  const before = rowsOf(training.slice(0, SEQUENCE_LENGTH - 1));
  return Float32Array.from(rows.flatMap((row) => [...before, ...row]));
}

const value = fc.oneof(
  { weight: 6, arbitrary: fc.double({ min: 0, max: 1e6, noNaN: true }) },
  { weight: 2, arbitrary: fc.constantFrom(0, 1, 1e12, 1e15) },
  { weight: 2, arbitrary: fc.constant(Number.NaN) },
);
const anyRow = fc.oneof(
  fc.array(value, { minLength: FEATURES, maxLength: FEATURES }).map((row) => Float32Array.from(row)),
  fc.nat(training.length - 1).map((i) => networkFeatures(training[i] ?? {})),
);

it('there are three', () => {
  expect(MODEL_NAMES.filter((name) => fitted.models[name])).toHaveLength(3);
});

describe.each(MODEL_NAMES)('the %s model', (name) => {
  it('is the same to the byte when it is fitted again', () => {
    expect(Buffer.from(model(name).onnx).equals(Buffer.from(again.models[name]?.onnx ?? []))).toBe(true);
  });

  it('leaves its input as it is, and gives finite scores and no negative contribution', () => {
    fc.assert(
      fc.property(fc.array(anyRow, { minLength: 1, maxLength: 4 }), (rows) => {
        const input = inputOf(name, rows);
        const before = input.slice();
        const { score, contribution } = model(name).score(input);
        expect(input).toEqual(before);
        expect(score).toHaveLength(rows.length);
        expect(contribution).toHaveLength(rows.length * FEATURES);
        expect(score.every((one) => Number.isFinite(one) && one >= 0)).toBe(true);
        expect(contribution.every((one) => Number.isFinite(one) && one >= 0)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('is what its ONNX says, in onnxruntime-web', async () => {
    const session = await openModel(await WebAssembly.compile(await readFile(wasm)), name, model(name).onnx);
    await fc.assert(
      fc.asyncProperty(fc.array(anyRow, { minLength: 1, maxLength: 5 }), async (rows) => {
        const input = inputOf(name, rows);
        const actual = await session.run(input, rows.length);
        agree(actual.score, model(name).score(input).score);
      }),
      { numRuns: 150 },
    );
    await session.release();
  });

  it('is what its ONNX says, in an independent runtime', async () => {
    const session = await InferenceSession.create(Buffer.from(model(name).onnx));
    const rows = [
      ...injectedAttacks(10, 3).map(({ observed }) => networkFeatures(observed)),
      ...training.slice(0, 50).map(networkFeatures),
    ];
    const input = inputOf(name, rows);
    const shape = name === 'temporal' ? [rows.length, SEQUENCE_LENGTH, FEATURES] : [rows.length, FEATURES];
    const [inputName = ''] = session.inputNames;
    const { score } = await session.run({ [inputName]: new Tensor('float32', input, shape) });
    agree(Float32Array.from(score?.data as Float32Array), model(name).score(input).score);
  });

  it('tells the injected attacks from normal traffic: AUROC ≥ 0.95, where a constant has 0.5', () => {
    const normal = normalTraffic(400, 99).map(networkFeatures);
    const attacks = injectedAttacks(60, 5).map(({ observed }) => networkFeatures(observed));
    const { score } = model(name).score(inputOf(name, [...normal, ...attacks]));
    const area = auroc(score.slice(0, normal.length), score.slice(normal.length));
    console.log(`${name}: AUROC ${area.toFixed(4)} (a constant detector: 0.5)`);
    expect(area).toBeGreaterThan(0.95);
  });
});

function agree(actual: Float32Array, expected: Float32Array): void {
  for (const [i, one] of expected.entries()) {
    expect(Math.abs((actual[i] ?? Number.NaN) - one), `${actual[i]} for ${one}`).toBeLessThanOrEqual(
      TOLERANCE * Math.max(SMALLEST, one),
    );
  }
}

/** The probability that an attack scores above a normal window (Mann, Whitney, 1947). */
function auroc(normal: Float32Array, attacks: Float32Array): number {
  let above = 0;
  for (const attack of attacks) for (const one of normal) above += attack > one ? 1 : attack === one ? 0.5 : 0;
  return above / (normal.length * attacks.length);
}
