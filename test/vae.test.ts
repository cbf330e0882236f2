/** Training of the temporal model: repeatable, leaves nothing on the backend, and tells an honest held-out loss. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { bootBackend } from '../cli/tfjs-backend.ts';
import { FEATURE_COUNT, rowsOf } from '../models/features.ts';
import { fitBaseline } from '../models/scaling/fit-baseline.ts';
import { scaleRows, scalerOf } from '../models/scaling/scaler.ts';
import { sequencesOf } from '../models/training/prepare.ts';
import type { VaeShape } from '../models/vae/network.ts';
import { scoreVae } from '../models/vae/score.ts';
import { trainVae, type VaeFit } from '../models/vae/train.ts';
import { normalWindows } from './fitted-models.ts';

const SHAPE: VaeShape = { steps: 10, features: FEATURE_COUNT, latent: 8 };
const INPUT = 10 * FEATURE_COUNT;
const windows = normalWindows(200, 21);
const baseline = fitBaseline(rowsOf(windows));
const { scaled, mask } = scaleRows(sequencesOf(windows, 1000), scalerOf(baseline));
const train = (seed: number, masks = mask): Promise<VaeFit> => trainVae({ shape: SHAPE, inputs: scaled, masks, seed });

beforeAll(bootBackend);

describe('training', () => {
  it('gives the same weights for the same seed, and others for another', async () => {
    const [one, same, other] = [await train(3), await train(3), await train(4)];
    expect(same).toEqual(one);
    expect(other.parameters.encode.weights).not.toEqual(one.parameters.encode.weights);
  });

  it('leaves no tensor on the backend', async () => {
    const before = tf.memory().numTensors;
    await train(5);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('of traffic that rises and falls beats guessing every median, within its epochs', async () => {
    const tide = normalWindows(400, 22).map((window, second) => {
      const factor = Math.exp(1.5 * Math.sin(second / 20));
      const { packets_per_second, bytes_per_second, tcp_packets, udp_packets, syn_packets } = window;
      const moved = { packets_per_second, bytes_per_second, tcp_packets, udp_packets, syn_packets };
      return { ...window, ...Object.fromEntries(Object.entries(moved).map(([k, v]) => [k, (v ?? 0) * factor])) };
    });
    const { scaled: inputs, mask: masks } = scaleRows(sequencesOf(tide, 1000), scalerOf(fitBaseline(rowsOf(tide))));
    const epochs: number[] = [];
    const { heldOutLoss } = await trainVae({
      shape: SHAPE,
      inputs,
      masks,
      seed: 6,
      onEpoch: (epoch) => epochs.push(epoch),
    });
    const guess = inputs.reduce((sum, value) => sum + value * value, 0) / inputs.length;
    expect(epochs.length).toBeLessThanOrEqual(60);
    expect(heldOutLoss).toBeLessThan(guess);
  });

  it('learns nothing from what was not measured', async () => {
    const latency = 7;
    const hidden = mask.map((value, i) => (i % FEATURE_COUNT === latency ? 0 : value));
    const { parameters } = await train(8, hidden);
    const untouched = await train(8, mask.slice().fill(0));
    // The column of an output that no loss looks at keeps the weights that it began with.
    const column = (weights: Float32Array): Float32Array => weights.filter((_, i) => i % INPUT === latency);
    expect(column(parameters.reconstruct.weights)).toEqual(column(untouched.parameters.reconstruct.weights));
  });
});

describe('the score', () => {
  it('weighs the judged window as much as the nine before it together', async () => {
    const { parameters } = await train(9);
    const sequence = rowsOf(normalWindows(10, 31));
    const usual = scoreVae(parameters, baseline, sequence).score[0] as number;
    const spoiled = (steps: readonly number[]): number => {
      const changed = sequence.slice();
      for (const step of steps) changed[step * FEATURE_COUNT] = 1e9;
      return (scoreVae(parameters, baseline, changed).score[0] as number) - usual;
    };
    expect(spoiled([9])).toBeGreaterThan(4 * spoiled([4]));
    expect(spoiled([4])).toBeGreaterThan(0);
  });

  it('of a sequence does not depend on the others scored with it', async () => {
    const { parameters } = await train(9);
    const many = sequencesOf(normalWindows(30, 33), 1000);
    const all = scoreVae(parameters, baseline, many);
    const last = scoreVae(parameters, baseline, many.slice(-INPUT));
    expect(last.score[0]).toBe(all.score.at(-1));
    expect(last.contribution).toEqual(all.contribution.slice(-FEATURE_COUNT));
  });
});
