/** The three models fitted on the demo's normal traffic: the list that the contract suite goes through. */
import { bootBackend } from '../cli/tfjs-backend.ts';
import { MODEL_NAMES, type ModelName, SEQUENCE_LENGTH } from '../contract/features.ts';
import type { FeatureBaseline } from '../contract/manifest.ts';
import type { NetworkWindow } from '../contract/network-window.ts';
import { FEATURE_COUNT, networkFeatures, rowsOf } from '../models/features.ts';
import type { ModelOutputs } from '../models/model-outputs.ts';
import { fitBaseline } from '../models/scaling/fit-baseline.ts';
import { fitModels } from '../models/training/fit-models.ts';
import { type InjectedAttack, injectedAttacks, normalTraffic } from '../models/training/injected-attacks.ts';

/** One window a second of the demo's normal traffic. */
export function normalWindows(count: number, seed: number): NetworkWindow[] {
  return normalTraffic(count, seed).map((observed, second) => ({
    ...observed,
    id: `demo:${seed}:${second}`,
    host: 'demo',
    group: 'demo',
    interface: 'eth0',
    start: new Date(1_700_000_000_000 + 1000 * second).toISOString(),
    duration_s: 1,
  }));
}

export interface ModelUnderTest {
  readonly name: ModelName;
  readonly onnx: Uint8Array;
  readonly score: (input: Float32Array, hours?: Float32Array) => ModelOutputs;
  /** Rows of eleven features that one score is made from. */
  readonly steps: number;
  readonly baseline: readonly FeatureBaseline[];
}

export async function fittedModels(count: number, seed: number): Promise<ModelUnderTest[]> {
  const windows = normalWindows(count, seed);
  const baseline = fitBaseline(rowsOf(windows));
  const { models } = await fitModels(windows, baseline, { seed, bootBackend });
  return MODEL_NAMES.flatMap((name) => {
    const model = models[name];
    return model ? [{ name, baseline, ...model, steps: name === 'temporal' ? SEQUENCE_LENGTH : 1 }] : [];
  });
}

/** Inputs of a model whose last window is each of `attacks`, after normal ones where the model reads a sequence. */
export function attackInput(attacks: readonly InjectedAttack[], steps: number): Float32Array {
  const before = rowsOf(normalWindows(attacks.length * steps, 99));
  for (const [i, { observed }] of attacks.entries())
    before.set(networkFeatures(observed), ((i + 1) * steps - 1) * FEATURE_COUNT);
  return before;
}

export const ATTACKS_EACH = 20;
export const demoAttacks = (): InjectedAttack[] => injectedAttacks(ATTACKS_EACH, 7);
