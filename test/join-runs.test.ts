/** Rows of several posts in one run of a model: each post gets what it would get alone. */
import { beforeAll, describe, expect, it } from 'vitest';
import { MAX_WINDOWS } from '../contract/detect-request.ts';
import type { ModelName } from '../contract/features.ts';
import { FEATURE_COUNT, rowsOf } from '../models/features.ts';
import { hoursOf } from '../models/hour-of-week.ts';
import { joinRuns } from '../models/join-runs.ts';
import type { ModelOutputs, ModelRunner } from '../models/model-outputs.ts';
import { fittedModels, type ModelUnderTest, normalWindows } from './fitted-models.ts';
import { inWeb } from './onnx-runtimes.ts';

let models: ModelUnderTest[];
beforeAll(async () => {
  models = await fittedModels(400, 3);
});

/** Runs the graphs, and notes how many rows each run has. */
function counted(): { run: ModelRunner; runs: [ModelName, number][] } {
  const runs: [ModelName, number][] = [];
  const run: ModelRunner = async (name, input, rows, hours) => {
    runs.push([name, rows]);
    const model = models.find((one) => one.name === name);
    if (model === undefined) throw new TypeError(`no ${name}`);
    const dims = model.steps === 1 ? [rows, FEATURE_COUNT] : [rows, model.steps, FEATURE_COUNT];
    const outputs = await inWeb(model.onnx, input, dims, hours);
    return {
      score: outputs.score as Float32Array,
      contribution: outputs.contribution as Float32Array,
      ...(outputs.nearest && { nearest: Int32Array.from(outputs.nearest as BigInt64Array, Number) }),
      ...(outputs.step_error && { stepError: outputs.step_error as Float32Array }),
    };
  };
  return { run, runs };
}

function postsFor({ name, steps }: ModelUnderTest): ((run: ModelRunner) => Promise<ModelOutputs>)[] {
  return [1, 7, 2].map((rows, post) => (run) => {
    const windows = normalWindows(rows * steps, 10 + post);
    return run(name, rowsOf(windows), rows, name === 'statistical' ? hoursOf(windows) : undefined);
  });
}

describe('joined runs', () => {
  it('give each post what it gets alone, by one run of each model', async () => {
    const alone: ModelOutputs[] = [];
    for (const post of models.flatMap(postsFor)) alone.push(await post(counted().run));
    const { run, runs } = counted();
    const joined = joinRuns(run);
    expect(await Promise.all(models.flatMap(postsFor).map((post) => post(joined)))).toEqual(alone);
    expect(runs).toEqual(models.map(({ name }) => [name, 10]));
    expect(runs.length).toBe(3);
  });

  it('stay below the rows that a graph was found bounded for', async () => {
    const { run, runs } = counted();
    const joined = joinRuns(run);
    const post = (rows: number) => joined('spatial', new Float32Array(rows * FEATURE_COUNT), rows);
    const scores = await Promise.all([post(600), post(400), post(1), post(MAX_WINDOWS)]);
    expect(scores.map(({ score }) => score.length)).toEqual([600, 400, 1, MAX_WINDOWS]);
    expect(runs.map(([, rows]) => rows)).toEqual([1000, 1, MAX_WINDOWS]);
  });

  it('tell a failure to all whose rows were in the run, and to no later ones', async () => {
    let failing = true;
    const { run } = counted();
    const joined = joinRuns((...asked) => (failing ? Promise.reject(new Error('out of memory')) : run(...asked)));
    const post = () => joined('spatial', new Float32Array(FEATURE_COUNT), 1);
    const told = await Promise.allSettled([post(), post()]);
    expect(told.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    failing = false;
    expect((await post()).score.length).toBe(1);
  });
});
