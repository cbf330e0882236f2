/** Training cannot be led: a slow ramp to an attack is not learned as normal, nor a handful of windows, nor login attempts. */
import { describe, expect, it } from 'vitest';
import { simulatedHost, withRecent } from '../bench/quality/simulated-host.ts';
import { bootBackend } from '../cli/tfjs-backend.ts';
import type { NetworkWindow } from '../contract/network-window.ts';
import { DEFAULT_THRESHOLDS } from '../contract/thresholds.ts';
import { gzipLines, writeWindows } from '../functions/storage/window-objects.ts';
import { refuse } from '../functions/train/candidate.ts';
import { recentWindows } from '../functions/train/recent-windows.ts';
import { judgeBatch } from '../models/judge.ts';
import { driftOf, possiblePoisoning } from '../models/training/drift.ts';
import { type TrainedFleet, trainFleet } from '../models/training/train-fleet.ts';
import { MemoryStore } from './memory-store.ts';
import { toyManifest, toyModel, version } from './model-fixture.ts';

const PERIOD_S = 60;
const day = (number: number, seed = 7): NetworkWindow[] =>
  simulatedHost({ seed: seed + number, days: 1, firstDay: number, period_s: PERIOD_S });

const train = (windows: readonly NetworkWindow[]): Promise<TrainedFleet> =>
  trainFleet(windows, {
    group: 'default',
    seed: 1,
    createdAt: new Date(windows.at(-1)?.start ?? 0),
    alertBudget: 1,
    thresholds: DEFAULT_THRESHOLDS,
    bootBackend,
  });

/** More packets and bytes to more addresses and ports, and more connections opened for them: what a spreading worm does. */
const infected = (window: NetworkWindow, factor: number): NetworkWindow => ({
  ...window,
  packets_per_second: (window.packets_per_second ?? 0) * factor,
  bytes_per_second: (window.bytes_per_second ?? 0) * Math.sqrt(factor),
  unique_ips: (window.unique_ips ?? 0) * factor,
  unique_ports: (window.unique_ports ?? 0) * factor,
  tcp_packets: (window.tcp_packets ?? 0) * factor,
  syn_packets: (window.syn_packets ?? 0) * factor * 3,
});

const FINAL_FACTOR = 30;

async function alertsOf(fleet: TrainedFleet, windows: readonly NetworkWindow[]) {
  const judging = { fleet, thresholds: DEFAULT_THRESHOLDS, alertBudget: 1, context: [] };
  return judgeBatch({ ...judging, windows });
}

describe('a ramp over three days, with a training each night', () => {
  it('ends in an attack that is still found, though each window is hardly worse than the last', async () => {
    let learned = [0, 1, 2, 3].flatMap((number) => day(number));
    let live = await train(withRecent(learned));
    const refusals: string[] = [];
    for (const number of [4, 5, 6]) {
      const ramp = day(number).map((window, i) =>
        infected(window, FINAL_FACTOR ** ((number - 4 + (i * PERIOD_S) / 86_400) / 3)),
      );
      const verdicts = await alertsOf(live, ramp);
      learned = [...learned, ...ramp.filter((_, i) => !verdicts[i]?.threat_detected)];
      const candidate = await train(withRecent(learned));
      const objection = refuse(candidate.manifest, live.manifest);
      if (objection === null) live = candidate;
      else refusals.push(objection);
    }
    const attack = day(7).map((window) => infected(window, FINAL_FACTOR));
    const found = (await alertsOf(live, attack)).filter(({ threat_detected }) => threat_detected).length;
    expect(found / attack.length, refusals.join('; ')).toBeGreaterThan(0.95);
    const quiet = (await alertsOf(live, day(8))).filter(({ threat_detected }) => threat_detected).length;
    expect(quiet).toBeLessThanOrEqual(5);
  });

  it('is named with the feature and by how much it rose, once the live models have seen a whole day', async () => {
    const live = (await train(day(0).concat(day(1)))).manifest;
    const risen = (await train(day(2).map((window) => infected(window, 5)))).manifest;
    expect(possiblePoisoning(live, risen)).toMatch(/possible poisoning: its highest \w+ is \d+\.\d times/);
    expect(driftOf(live, risen)[0]?.shift).toBeGreaterThan(1);
    expect(possiblePoisoning(live, (await train(day(2).concat(day(3)))).manifest)).toBeNull();
    const young = { ...live, training: { ...live.training, from: live.training.to } };
    expect(possiblePoisoning(young, risen)).toBeNull();
  });
});

describe('a candidate', () => {
  const live = toyManifest(version(1), toyModel());
  const of = (quality: Partial<typeof live.quality>) => ({ ...live, quality: { ...live.quality, ...quality } });

  it('that breaks the budget on held-out windows is not promoted', () => {
    expect(refuse(of({ false_alerts: 2 }), null)).toBeNull();
    expect(refuse(of({ false_alerts: 3 }), null)).toMatch(/3 false alerts .* allows 0\.01/);
    expect(refuse(of({ false_alerts: 60, allowed_false_alerts: 50 }), null)).toBeNull();
  });

  it('that finds less of the injected attacks than the live version is not promoted', () => {
    expect(refuse(of({ injected_found: 0.96 }), live)).toBeNull();
    expect(refuse(of({ injected_found: 0.9 }), live)).toMatch(/finds 90 % .* finds 100 %/);
    expect(refuse(of({ injected_found: 0.9 }), null)).toBeNull();
    const young = { ...live, training: { ...live.training, from: live.training.to } };
    expect(refuse(of({ injected_found: 0.8 }), young)).toBeNull();
    expect(refuse(of({ injected_found: 0.7 }), young)).toMatch(/finds 70 % .* finds 100 %/);
  });
});

it('login attempts never reach the network models, however many there are', async () => {
  const windows = day(0).slice(0, 400);
  const auth = Array.from({ length: 5000 }, (_, i) => ({
    id: `auth:${i}`,
    host: 'simulated',
    group: 'default',
    start: new Date(Date.UTC(2026, 0, 5, 1) + 1000 * i).toISOString(),
    duration_s: 300,
    total_attempts: 3,
    failed_attempts: 0,
  }));
  const now = new Date('2026-01-06T00:00:00Z');
  const read = async (lists: readonly object[][]) => {
    const store = new MemoryStore();
    for (const [i, list] of lists.entries())
      await writeWindows(store, 'default', String(i), now, [
        gzipLines(list.map((window) => `${JSON.stringify(window)}\n`).join('')),
      ]);
    return (await recentWindows(store, 'default', now, new Set())).windows;
  };
  const [alone, mixed] = [await read([windows]), await read([windows, auth])];
  expect(mixed).toHaveLength(400);
  const [one, other] = [await train(alone), await train(mixed)];
  expect(other.files).toEqual(one.files);
  expect(await read([auth])).toEqual([]);
});
