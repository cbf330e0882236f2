/** Trains the temporal model with TensorFlow.js; the only file that knows it. Its backend is booted by whoever calls. */
import * as tf from '@tensorflow/tfjs-core';
import type { Pause } from '../pauses.ts';
import { normal, type Random, seededRandom, shuffled } from '../random.ts';
import {
  KL_WEIGHT,
  type LayerName,
  LOG_VARIANCE_LIMIT,
  layersOf,
  type VaeParameters,
  type VaeShape,
} from './network.ts';

export interface VaeTraining {
  readonly shape: VaeShape;
  /** Scaled, cut to ± LIMIT, 0 where not measured; n x steps x features. */
  readonly inputs: Float32Array;
  /** 1 where measured; n x steps x features. */
  readonly masks: Float32Array;
  readonly seed: number;
  readonly onEpoch?: (epoch: number, of: number) => void;
  readonly pause?: Pause | undefined;
}

export interface VaeFit {
  readonly parameters: VaeParameters;
  readonly epochs: number;
  /** Masked mean squared error plus weighted divergence on sequences held out from the fitting. */
  readonly heldOutLoss: number;
}

const MAX_EPOCHS = 60;
const BATCH = 64;
/** Batches of a piece. */
const PIECE_BATCHES = 4;
const LEARNING_RATE = 2e-3;
/** A small set is gone through so often that an epoch has as many steps as one of a larger. */
const ROWS_PER_EPOCH = 2000;
/** The divergence counts in full only after these epochs, so that the code does not collapse (Bowman et al., 2016). */
const WARM_UP_EPOCHS = 10;
/** Epochs without a better held-out loss before training ends, after the warm-up. */
const PATIENCE = 8;
/** The sequences in order are so many stretches; some of them, drawn at random, are held out. */
const STRETCHES = 20;
const HELD_OUT_STRETCHES = 3;

type Weights = Record<LayerName, { weights: tf.Variable; bias: tf.Variable }>;

/** Trains until the held-out loss stops falling; everything on the backend is disposed of. The same seed gives the same weights. */
export async function trainVae({ shape, inputs, masks, seed, onEpoch, pause }: VaeTraining): Promise<VaeFit> {
  const random = seededRandom(seed);
  const size = shape.steps * shape.features;
  const count = inputs.length / size;
  const { heldOut, fitted } = split(count, random);
  const weights = initialWeights(shape, random);
  const variables = Object.values(weights).flatMap((layer) => [layer.weights, layer.bias]);
  const optimizer = tf.train.adam(LEARNING_RATE);
  let best = { loss: Number.POSITIVE_INFINITY, epoch: 0, values: await valuesOf(weights, shape) };
  let epoch = 0;
  try {
    for (; epoch < MAX_EPOCHS; epoch++) {
      const beta = KL_WEIGHT * Math.min(1, (epoch + 1) / WARM_UP_EPOCHS);
      const turn = turnsOver(fitted.length, random);
      for (let from = 0; from < turn.length; from += BATCH) {
        const rows = turn.slice(from, from + BATCH).map((i) => fitted[i] as number);
        const noise = Float32Array.from({ length: rows.length * shape.latent }, () => normal(random));
        const batch = [gather(inputs, rows, size), gather(masks, rows, size)] as const;
        const cost = optimizer.minimize(() => lossOf(weights, ...batch, size, noise, beta), true, variables);
        cost?.dispose();
        if (from % (PIECE_BATCHES * BATCH) === 0) await pause?.();
      }
      const loss = await heldOutLoss(weights, gather(inputs, heldOut, size), gather(masks, heldOut, size), size);
      if (loss < best.loss - 1e-5) best = { loss, epoch, values: await valuesOf(weights, shape) };
      onEpoch?.(epoch + 1, MAX_EPOCHS);
      if (epoch >= WARM_UP_EPOCHS && epoch - best.epoch >= PATIENCE) break;
    }
  } finally {
    optimizer.dispose();
    tf.dispose(variables);
  }
  return { parameters: best.values, epochs: epoch, heldOutLoss: best.loss };
}

/** All rows in a new order, a small set several times over. */
function turnsOver(count: number, random: Random): Uint32Array {
  const turns = Math.max(1, Math.round(ROWS_PER_EPOCH / count));
  const order = new Uint32Array(turns * count);
  for (let turn = 0; turn < turns; turn++) order.set(shuffled(count, random), turn * count);
  return order;
}

/** Neighbours share nine of their ten windows: whole stretches are held out, or the held-out loss would be the fitted one. */
function split(count: number, random: Random): { heldOut: Uint32Array; fitted: Uint32Array } {
  const held = new Set(shuffled(STRETCHES, random).subarray(0, HELD_OUT_STRETCHES));
  const rows = Uint32Array.from({ length: count }, (_, row) => row);
  const isHeld = (row: number): boolean => held.has(Math.floor((row * STRETCHES) / count));
  return { heldOut: rows.filter(isHeld), fitted: rows.filter((row) => !isHeld(row)) };
}

/** Glorot and Bengio, 2010. */
function initialWeights(shape: VaeShape, random: Random): Weights {
  const layers = layersOf(shape);
  const layer = (name: LayerName) => {
    const [from, to] = layers[name];
    const range = Math.sqrt(6 / (from + to));
    const values = Float32Array.from({ length: from * to }, () => (2 * random() - 1) * range);
    return { weights: variable(tf.tensor2d(values, [from, to])), bias: variable(tf.zeros([to])) };
  };
  return {
    encode: layer('encode'),
    mean: layer('mean'),
    logVariance: layer('logVariance'),
    decode: layer('decode'),
    reconstruct: layer('reconstruct'),
  };
}

/** A variable holds a tensor of its own: the one that it begins with is disposed of. */
function variable(initial: tf.Tensor): tf.Variable {
  const held = tf.variable(initial);
  initial.dispose();
  return held;
}

/** `noise` of no length: the code is its mean. */
function lossOf(
  weights: Weights,
  inputs: Float32Array,
  masks: Float32Array,
  size: number,
  noise: Float32Array,
  beta: number,
): tf.Scalar {
  const rows = inputs.length / size;
  const x = tf.tensor2d(inputs, [rows, size]);
  const mask = tf.tensor2d(masks, [rows, size]);
  const dense = (name: LayerName, value: tf.Tensor2D): tf.Tensor2D =>
    tf.add(tf.matMul(value, weights[name].weights as tf.Tensor2D), weights[name].bias);
  const hidden = tf.relu(dense('encode', x));
  const mean = dense('mean', hidden);
  const logVariance = tf.clipByValue(dense('logVariance', hidden), -LOG_VARIANCE_LIMIT, LOG_VARIANCE_LIMIT);
  const code =
    noise.length === 0
      ? mean
      : tf.add(mean, tf.mul(tf.exp(tf.mul(logVariance, 0.5)), tf.tensor2d(noise, [rows, noise.length / rows])));
  const output = dense('reconstruct', tf.relu(dense('decode', code as tf.Tensor2D)));
  const error = tf.div(tf.sum(tf.mul(tf.square(tf.sub(output, x)), mask)), tf.maximum(tf.sum(mask), 1));
  const divergence = tf.mean(tf.sub(tf.add(tf.square(mean), tf.exp(logVariance)), tf.add(logVariance, 1)));
  return tf.add(error, tf.mul(divergence, 0.5 * beta)) as tf.Scalar;
}

async function heldOutLoss(weights: Weights, inputs: Float32Array, masks: Float32Array, size: number): Promise<number> {
  const loss = tf.tidy(() => lossOf(weights, inputs, masks, size, new Float32Array(0), KL_WEIGHT));
  const [value = Number.NaN] = await loss.data();
  loss.dispose();
  return value;
}

async function valuesOf(weights: Weights, shape: VaeShape): Promise<VaeParameters> {
  const layer = async (name: LayerName) => ({
    weights: Float32Array.from(await weights[name].weights.data()),
    bias: Float32Array.from(await weights[name].bias.data()),
  });
  return {
    shape,
    encode: await layer('encode'),
    mean: await layer('mean'),
    logVariance: await layer('logVariance'),
    decode: await layer('decode'),
    reconstruct: await layer('reconstruct'),
  };
}

function gather(values: Float32Array, rows: Uint32Array, size: number): Float32Array {
  const gathered = new Float32Array(rows.length * size);
  for (const [i, row] of rows.entries()) gathered.set(values.subarray(row * size, (row + 1) * size), i * size);
  return gathered;
}
