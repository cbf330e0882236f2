/** What every model must hold to, whichever it is: one suite over all of them. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { MODEL_NAMES, type ModelName } from '../contract/features.ts';
import { FEATURE_COUNT, rowsOf } from '../models/features.ts';
import { attackInput, demoAttacks, fittedModels, type ModelUnderTest, normalWindows } from './fitted-models.ts';
import { inNode, inWeb, type RunGraph } from './onnx-runtimes.ts';

const WINDOWS = 600;
const SEED = 5;
/** Of the reference; a score below a thousandth is compared as if it were one. */
const TOLERANCE = 1e-5;
const SMALLEST_SCORE = 1e-3;

let models: ModelUnderTest[];
let again: ModelUnderTest[];

beforeAll(async () => {
  models = await fittedModels(WINDOWS, SEED);
  again = await fittedModels(WINDOWS, SEED);
});

const model = (name: ModelName, from = models): ModelUnderTest => {
  const found = from.find((one) => one.name === name);
  if (!found) throw new Error(`${name} was not fitted`);
  return found;
};

const dimsOf = ({ steps }: ModelUnderTest, count: number): number[] =>
  steps === 1 ? [count, FEATURE_COUNT] : [count, steps, FEATURE_COUNT];

/** Every hour of the week, and that it is not known. */
const someHours = (count: number): Float32Array => Float32Array.from({ length: count }, (_, i) => (i * 61) % 169);

async function expectAgreement(one: ModelUnderTest, input: Float32Array, run: RunGraph): Promise<void> {
  const count = input.length / FEATURE_COUNT / one.steps;
  const hours = someHours(count);
  const reference = one.score(input, hours);
  const { score, contribution, step_error } = await run(one.onnx, input, dimsOf(one, count), hours);
  expect(worst(reference.score, score as Float32Array)).toBeLessThan(TOLERANCE);
  // A feature's part is compared with the whole that it is a part of.
  const whole = Float32Array.from({ length: count * FEATURE_COUNT }, (_, i) =>
    Math.max(...reference.contribution.subarray(i - (i % FEATURE_COUNT), i - (i % FEATURE_COUNT) + FEATURE_COUNT)),
  );
  expect(worst(reference.contribution, contribution as Float32Array, whole)).toBeLessThan(TOLERANCE);
  expect(reference.stepError?.length).toBe(step_error?.length);
  if (reference.stepError) {
    const size = one.steps * FEATURE_COUNT;
    const most = Float32Array.from({ length: count }, (_, row) =>
      Math.max(...(reference.stepError?.subarray(row * size, (row + 1) * size) ?? [])),
    );
    const scale = reference.stepError.map((_, i) => most[Math.floor(i / size)] as number);
    expect(worst(reference.stepError, step_error as Float32Array, scale)).toBeLessThan(TOLERANCE);
  }
}

function worst(expected: Float32Array, actual: Float32Array, scale = expected): number {
  expect(actual.length).toBe(expected.length);
  return expected.reduce((most, value, i) => {
    const error = Math.abs((actual[i] as number) - value) / Math.max(Math.abs(scale[i] as number), SMALLEST_SCORE);
    return Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(most, error);
  }, 0);
}

const extreme = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(0, 1e-6, 1, 1e6, 1e12, Number.NaN) },
  { weight: 3, arbitrary: fc.double({ min: 0, max: 200, noNaN: true }) },
  { weight: 1, arbitrary: fc.double({ min: 0, max: 1e15, noNaN: true }) },
);

it('all three models were tested', () => {
  expect(models.map(({ name }) => name)).toEqual([...MODEL_NAMES]);
});

describe.each([...MODEL_NAMES])('%s', (name) => {
  it('is the same, byte for byte, for the same windows and seed', () => {
    expect(Buffer.compare(model(name).onnx, model(name, again).onnx)).toBe(0);
  });

  it('leaves its input as it was', () => {
    const input = attackInput(demoAttacks(), model(name).steps);
    const before = input.slice();
    model(name).score(input);
    expect(input).toEqual(before);
  });

  it('agrees with its ONNX on normal windows and attacks, in two runtimes', async () => {
    const one = model(name);
    const normal = rowsOf(normalWindows(50 * one.steps, 12));
    for (const run of [inWeb, inNode]) {
      await expectAgreement(one, normal, run);
      await expectAgreement(one, attackInput(demoAttacks(), one.steps), run);
    }
  });

  it('agrees with its ONNX on any input: zero, huge, not measured, repeated', async () => {
    const one = model(name);
    const row = fc.array(extreme, { minLength: FEATURE_COUNT * one.steps, maxLength: FEATURE_COUNT * one.steps });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 20 }), async (rows) => {
        await expectAgreement(one, Float32Array.from([...rows, rows[0] ?? []].flat()), inWeb);
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  it('gives a window without any measurement a finite score and no feature a part in it', async () => {
    const one = model(name);
    const nothing = new Float32Array(FEATURE_COUNT * one.steps).fill(Number.NaN);
    await expectAgreement(one, nothing, inWeb);
    const { score, contribution } = one.score(nothing);
    expect(Number.isFinite(score[0])).toBe(true);
    expect([...contribution]).toEqual(new Array(FEATURE_COUNT).fill(0));
  });

  it('finds a window the more abnormal the further its packet rate is from normal', () => {
    const one = model(name);
    const scores = [1, 10, 100, 1000].map((factor) => {
      const input = rowsOf(normalWindows(one.steps, 3));
      const last = input.length - FEATURE_COUNT;
      input[last] = (input[last] as number) * factor;
      return one.score(input).score[0] as number;
    });
    expect(scores).toEqual(scores.toSorted((a, b) => a - b));
    expect(new Set(scores).size).toBe(4);
  });

  it('ranks attacks above unseen normal windows, which a constant cannot', () => {
    const one = model(name);
    const normal = one.score(rowsOf(normalWindows(500 * one.steps, 31))).score;
    const attacks = one.score(attackInput(demoAttacks(), one.steps)).score;
    const constant = new Float32Array(1).fill(1);
    expect(auroc(constant, constant)).toBe(0.5);
    expect(auroc(normal, attacks)).toBeGreaterThan(0.98);
  });
});

/** The probability that an attack scores above a normal window, ties counting half. */
function auroc(normal: Float32Array, attacks: Float32Array): number {
  let above = 0;
  for (const attack of attacks) for (const score of normal) above += attack > score ? 1 : attack === score ? 0.5 : 0;
  return above / (normal.length * attacks.length);
}
