/** Trainings at once and trainings that are killed, on the edge that ships: one wins, none blocks the group for long. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { workerdChildren } from '../cli/edge/watchdog.ts';
import type { TrainingState } from '../contract/training-run.ts';
import { type TestEdge, testEdge } from './edge-fixture.ts';
import { normalWindows } from './fitted-models.ts';

let edge: TestEdge;
beforeAll(async () => {
  edge = await testEdge();
  const windows = normalWindows(600, 1).map((window) => ({ ...window, group: 'default' }));
  for (let from = 0; from < windows.length; from += 100) await edge.detect(windows.slice(from, from + 100));
});
afterAll(() => edge.remove());

interface Models {
  readonly current: string | null;
  readonly training: TrainingState;
  readonly models: { readonly version: string; readonly readable: boolean }[];
}

const models = async (): Promise<Models> => (await (await fetch(`${edge.url}/models`)).json()) as Models;

it('of three trainings at once one runs and is promoted, and the others are told so', async () => {
  const answers = await Promise.all([edge.trainNow(), edge.trainNow(), edge.trainNow()]);
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
  const refused = answers.find(({ status }) => status === 409);
  expect(refused?.headers.get('retry-after')).toBe('30');
  expect(await refused?.text()).toMatch(/A training of group \\"default\\" runs since 20/);
  const { version } = (await answers.find(({ status }) => status === 200)?.json()) as { version: string };
  const { current, training, models: listed } = await models();
  expect([current, ...listed.map((model) => model.version)]).toEqual([version, version]);
  expect(training).toMatchObject({ running_since: null, last: { result: 'promoted', version } });
  const stats = (await (await fetch(`${edge.url}/stats`)).json()) as { training: TrainingState };
  expect(stats.training).toEqual(training);
});

it('while it runs others are answered; one whose process is killed is told as failed, and the next cron trains the group again', async () => {
  const { current } = await models();
  const killed = edge.trainNow().catch(() => null);
  await expect
    .poll(async () => (await models()).training.running_since, { timeout: 10_000, interval: 20 })
    .not.toBeNull();
  const pids = workerdChildren();
  expect(pids.length).toBeGreaterThan(0);
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  await killed;
  await edge.stop();
  edge = await testEdge({}, edge.stateDir);
  const after = await models();
  expect(after.current).toBe(current);
  expect(after.models.every(({ readable }) => readable)).toBe(true);
  // The lease of the dead run.
  expect((await edge.trainNow()).status).toBe(409);
  const last = async (): Promise<string | undefined> => (await models()).training.last?.result;
  await expect.poll(last, { timeout: 45_000, interval: 500 }).toBe('failed');
  expect((await models()).training.last?.reason).toMatch(/killed/);
  await (await edge.runtime.getWorker('vigia')).scheduled();
  await expect.poll(last, { timeout: 45_000, interval: 500 }).toBe('promoted');
  expect((await models()).current).not.toBe(current);
}, 120_000);
