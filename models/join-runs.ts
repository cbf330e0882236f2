/** Joins rows that are to be scored at the same moment into one run of a model: a run has its own price, which more rows hardly raise. */
import { MAX_WINDOWS } from '../contract/detect-request.ts';
import type { ModelName } from '../contract/features.ts';
import type { ModelOutputs, ModelRunner } from './model-outputs.ts';

interface Call {
  readonly input: Float32Array;
  readonly rows: number;
  readonly hours: Float32Array | undefined;
  readonly outputs: PromiseWithResolvers<ModelOutputs>;
}

/**
 * A runner for callers that all begin before any of them waits: what they ask of one model becomes one run, of `MAX_WINDOWS` rows
 * at most. Their outputs are views of the run's.
 */
export function joinRuns(run: ModelRunner): ModelRunner {
  const asked = new Map<ModelName, Call[]>();
  let last: Promise<void> = Promise.resolve();
  return (model, input, rows, hours) => {
    const call = { input, rows, hours, outputs: Promise.withResolvers<ModelOutputs>() };
    const others = asked.get(model);
    if (others === undefined || rowsIn(others) + rows > MAX_WINDOWS) {
      const calls = [call];
      asked.set(model, calls);
      last = last.then(() => {
        if (asked.get(model) === calls) asked.delete(model);
        return runAll(run, model, calls);
      });
    } else others.push(call);
    return call.outputs.promise;
  };
}

const rowsIn = (calls: readonly Call[]): number => calls.reduce((sum, { rows }) => sum + rows, 0);

async function runAll(run: ModelRunner, model: ModelName, calls: readonly Call[]): Promise<void> {
  try {
    const hours = calls.map((call) => call.hours).filter((some) => some !== undefined);
    const total = rowsIn(calls);
    const input = joined(calls.map((call) => call.input));
    const outputs = await run(model, input, total, hours.length === calls.length ? joined(hours) : undefined);
    let from = 0;
    for (const call of calls) {
      call.outputs.resolve(rowsOf(outputs, from, from + call.rows, total));
      from += call.rows;
    }
  } catch (error) {
    for (const call of calls) call.outputs.reject(error);
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

function rowsOf(outputs: ModelOutputs, from: number, to: number, total: number): ModelOutputs {
  const part = <Values extends Float32Array | Int32Array>(values: Values): Values => {
    const width = values.length / total;
    return values.subarray(from * width, to * width) as Values;
  };
  const { score, contribution, nearest, stepError } = outputs;
  return {
    score: part(score),
    contribution: part(contribution),
    ...(nearest && { nearest: part(nearest) }),
    ...(stepError && { stepError: part(stepError) }),
  };
}
