/**
 * Tells what a string that was typed as a user name is: a user name, a password, a command, or a service account.
 *
 * A linear softmax over character n-grams (Cavnar, Trenkle: N-gram-based text categorization, 1994), trained at build time by
 * `build.ts`. Text alone cannot tell a nickname from a password made of one word; below `SURE` it says "unknown".
 */
import { CLASSES, type UsernameClass } from './classes.ts';
import { usernameFeatures } from './features.ts';
import { SCALES, TEMPERATURE, WEIGHTS } from './generated/weights.ts';

/** A less probable class is not named. */
export const SURE = 0.5;

/** Without a letter or a digit there is nothing to tell apart. */
const MEANINGFUL = /[\p{L}\p{N}]/u;

export interface UsernameVerdict {
  readonly predicted_type: UsernameClass | 'unknown';
  /** Probability of the most probable class. */
  readonly confidence: number;
  readonly probabilities: Readonly<Record<UsernameClass, number>>;
}

/** WIDTH x classes, row-major, int8. */
const weights = Int8Array.from(atob(WEIGHTS), (character) => (character.charCodeAt(0) << 24) >> 24);

/** Of any string, however long or strange; only its first 256 UTF-16 units are read. */
export function classifyUsername(text: string): UsernameVerdict {
  const logits = CLASSES.map(() => 0);
  for (const [index, value] of usernameFeatures(text)) {
    for (let k = 0; k < CLASSES.length; k++) logits[k]! += value * (weights[index * CLASSES.length + k] as number);
  }
  const scaled = logits.map((logit, k) => (logit * (SCALES[k] as number)) / TEMPERATURE);
  const largest = Math.max(...scaled);
  const exponentials = scaled.map((logit) => Math.exp(logit - largest));
  const total = exponentials.reduce((sum, value) => sum + value, 0);
  const probability = (k: number): number => (exponentials[k] as number) / total;
  const best = exponentials.indexOf(Math.max(...exponentials));
  const confidence = probability(best);
  return {
    predicted_type: confidence >= SURE && MEANINGFUL.test(text) ? (CLASSES[best] as UsernameClass) : 'unknown',
    confidence,
    probabilities: {
      username: probability(0),
      password: probability(1),
      command: probability(2),
      service: probability(3),
    },
  };
}
