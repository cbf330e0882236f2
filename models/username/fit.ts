/** Fits the linear softmax: stochastic gradient descent with Adagrad (Duchi, Hazan, Singer, 2011), then a temperature. */
import type { Random } from '../random.ts';
import { shuffled } from '../random.ts';
import { CLASSES } from './classes.ts';
import { usernameFeatures, WIDTH } from './features.ts';

export interface Example {
  readonly text: string;
  /** Index in `CLASSES`. */
  readonly label: number;
}

export interface Fit {
  /** WIDTH x classes, row-major. */
  readonly weights: Float64Array;
  readonly temperature: number;
}

const EPOCHS = 8;
const RATE = 0.25;
const DECAY = 1e-6;

/** @param unlike strings made otherwise than `examples`: how sure one may be is told from these */
export function fitUsernames(examples: readonly Example[], unlike: readonly Example[], random: Random): Fit {
  const rows = examples.map(({ text, label }) => ({ features: [...usernameFeatures(text)], label }));
  const weights = new Float64Array(WIDTH * CLASSES.length);
  const squares = new Float64Array(weights.length).fill(1e-8);
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    for (const turn of shuffled(rows.length, random)) {
      const row = rows[turn];
      if (!row) continue;
      const probabilities = softmax(logitsOf(weights, row.features), 1);
      for (const [index, value] of row.features) {
        for (let k = 0; k < CLASSES.length; k++) {
          const at = index * CLASSES.length + k;
          const gradient =
            ((probabilities[k] as number) - (k === row.label ? 1 : 0)) * value + DECAY * (weights[at] as number);
          squares[at]! += gradient * gradient;
          weights[at]! -= (RATE * gradient) / Math.sqrt(squares[at] as number);
        }
      }
    }
  }
  const calibration = unlike.map(({ text, label }) => ({ features: [...usernameFeatures(text)], label }));
  return { weights, temperature: temperatureFor(weights, calibration) };
}

type Features = readonly (readonly [number, number])[];

function logitsOf(weights: Float64Array, features: Features): number[] {
  const logits = CLASSES.map(() => 0);
  for (const [index, value] of features) {
    for (let k = 0; k < CLASSES.length; k++) logits[k]! += value * (weights[index * CLASSES.length + k] as number);
  }
  return logits;
}

function softmax(logits: readonly number[], temperature: number): number[] {
  const largest = Math.max(...logits);
  const exponentials = logits.map((logit) => Math.exp((logit - largest) / temperature));
  const total = exponentials.reduce((sum, value) => sum + value, 0);
  return exponentials.map((value) => value / total);
}

/** The temperature with the least log loss on examples that were held out (Guo, Pleiss, Sun, Weinberger, 2017). */
function temperatureFor(weights: Float64Array, rows: readonly { features: Features; label: number }[]): number {
  const logits = rows.map(({ features, label }) => ({ logits: logitsOf(weights, features), label }));
  let [best, least] = [1, Number.POSITIVE_INFINITY];
  for (let temperature = 0.5; temperature <= 4; temperature += 0.05) {
    const loss = logits.reduce(
      (sum, row) => sum - Math.log(Math.max(1e-12, softmax(row.logits, temperature)[row.label] as number)),
      0,
    );
    if (loss < least) [best, least] = [temperature, loss];
  }
  return Number(best.toFixed(2));
}
