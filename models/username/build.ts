/** Trains the username classifier on material that the project makes, and writes what is committed under `generated/`. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { seededRandom } from '../random.ts';
import { CLASSES } from './classes.ts';
import { WIDTH } from './features.ts';
import { type Example, type Fit, fitUsernames } from './fit.ts';
import { command } from './material/commands.ts';
import { nickname, username } from './material/names.ts';
import { password } from './material/passwords.ts';
import { chance } from './material/pick.ts';
import { serviceAccount } from './material/services.ts';
import { usernameOnnx } from './to-onnx.ts';

const SEED = 42;
const EACH = 12000;
const EACH_UNLIKE = 1000;
const LARGEST_INT8 = 127;

/** The files of `generated/`, by name; the same on every machine. */
export function buildClassifier(): Map<string, string | Uint8Array> {
  const random = seededRandom(SEED);
  const sources = [username, password, command, serviceAccount];
  const examples: Example[] = sources.flatMap((source, label) =>
    Array.from({ length: EACH }, () => ({ text: source(random), label })),
  );
  const { scales, bytes, temperature } = quantised(fitUsernames(examples, unlikeExamples(), random));
  const floats = Float32Array.from(
    bytes,
    (weight, i) => (weight * (scales[i % CLASSES.length] as number)) / temperature,
  );
  const onnx = usernameOnnx(floats);
  const manifest = {
    classes: CLASSES,
    features: WIDTH,
    seed: SEED,
    examples: examples.length,
    temperature,
    'ngram.onnx': createHash('sha256').update(onnx).digest('hex'),
  };
  const weights = [
    '/** Weights of the username classifier; written by models/username/build.ts. */',
    `export const TEMPERATURE = ${temperature};`,
    `export const SCALES: readonly number[] = ${JSON.stringify(scales)};`,
    `export const WEIGHTS = '${Buffer.from(bytes.buffer).toString('base64')}';`,
    '',
  ].join('\n');
  return new Map<string, string | Uint8Array>([
    ['weights.ts', weights],
    ['ngram.onnx', onnx],
    ['manifest.json', `${JSON.stringify(manifest, null, 2)}\n`],
  ]);
}

/** Strings of other people than those of the examples: nicknames among the user names, words among the passwords. */
function unlikeExamples(): Example[] {
  const random = seededRandom(SEED + 1);
  const sources = [
    (): string => (chance(0.5, random) ? nickname(random) : username(random)),
    (): string => (chance(0.2, random) ? nickname(random) : password(random)),
    (): string => command(random),
    (): string => serviceAccount(random),
  ];
  return sources.flatMap((source, label) => Array.from({ length: EACH_UNLIKE }, () => ({ text: source(), label })));
}

/** Each class in 8 bits with a scale of its own. */
function quantised({ weights, temperature }: Fit): { scales: number[]; bytes: Int8Array; temperature: number } {
  const scales = CLASSES.map((_, k) => {
    let largest = 0;
    for (let i = k; i < weights.length; i += CLASSES.length)
      largest = Math.max(largest, Math.abs(weights[i] as number));
    return Math.fround(largest / LARGEST_INT8);
  });
  const bytes = Int8Array.from(weights, (weight, i) => Math.round(weight / (scales[i % CLASSES.length] as number)));
  return { scales, bytes, temperature };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = fileURLToPath(new URL('generated/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  for (const [name, contents] of buildClassifier()) writeFileSync(join(folder, name), contents);
}
