/** Training of a group: what it learns from, in what order it may come, and which model abstains. */
import { describe, expect, it } from 'vitest';
import { bootBackend } from '../cli/tfjs-backend.ts';
import { MODEL_NAMES } from '../contract/features.ts';
import { manifest as manifestSchema } from '../contract/manifest.ts';
import type { NetworkWindow } from '../contract/network-window.ts';
import { DEFAULT_THRESHOLDS } from '../contract/thresholds.ts';
import { FEATURE_COUNT } from '../models/features.ts';
import { seededRandom, shuffled } from '../models/random.ts';
import { recalibrate } from '../models/training/calibrate-fleet.ts';
import { learnableWindows } from '../models/training/learnable-windows.ts';
import { NotEnoughDataError } from '../models/training/not-enough-data.ts';
import { prepare, sequencesOf } from '../models/training/prepare.ts';
import { type TrainedFleet, trainFleet } from '../models/training/train-fleet.ts';
import { normalWindows } from './fitted-models.ts';

const trained = (windows: readonly NetworkWindow[], steps: string[] = []): Promise<TrainedFleet> =>
  trainFleet(windows, {
    group: 'demo',
    seed: 2,
    createdAt: new Date('2026-01-01T00:00:00Z'),
    alertBudget: 1,
    thresholds: DEFAULT_THRESHOLDS,
    bootBackend,
    onProgress: (step) => steps.push(step),
  });

/** The same second-by-second windows on each of `hosts`. */
function onHosts(hosts: number, each: number): NetworkWindow[] {
  return Array.from({ length: hosts }, (_, h) =>
    normalWindows(each, h + 1).map((window) => ({ ...window, id: `${h}/${window.id}`, host: `host-${h}` })),
  ).flat();
}

describe('trainFleet', () => {
  it('gives the same bytes for windows in any order, some of them twice', async () => {
    const windows = onHosts(2, 120);
    const mixed = Array.from(shuffled(windows.length, seededRandom(1)), (i) => windows[i] as NetworkWindow);
    const [one, other] = [await trained(windows), await trained(mixed)];
    expect(other.manifest).toEqual(one.manifest);
    expect(other.files).toEqual(one.files);
    const twice = await trained([...windows, ...mixed.slice(0, 50)]);
    expect(twice.files).toEqual(one.files);
    expect(twice.manifest.training.high_confidence_windows).toBe(windows.length);
  });

  it('writes a manifest of the contract whose golden vectors hold gaps and extremes', async () => {
    const steps: string[] = [];
    const { manifest, files } = await trained(normalWindows(300, 4), steps);
    expect(manifestSchema.parse(manifest)).toEqual(JSON.parse(JSON.stringify(manifest)));
    expect([...files.keys()].sort()).toEqual(['dbscan.onnx', 'vae.onnx', 'zmad.onnx']);
    const values = manifest.golden.flatMap(({ rows }) => rows.flat());
    expect(values).toContain(null);
    expect(Math.max(...values.map((value) => value ?? 0))).toBeGreaterThan(1e7);
    expect(manifest.quality).toMatchObject({
      false_alert_rate: 0,
      false_alerts: 0,
      budget_per_host_day: 1,
      injected_found: 1,
    });
    expect(manifest.quality.allowed_false_alerts).toBeCloseTo(90 / 86_400, 6);
    expect(steps.at(-1)).toBe('done');
  });

  it('says of each model without enough data what it needs', async () => {
    const few = await trained(normalWindows(60, 4));
    expect(Object.keys(few.manifest.models)).toEqual(['spatial', 'statistical']);
    expect(few.manifest.abstained.temporal).toMatch(/22 sequences of ten .* needs 100/);
    expect([...few.files.keys()]).toEqual(['dbscan.onnx', 'zmad.onnx']);
    await expect(trained(normalWindows(30, 4))).rejects.toThrow(NotEnoughDataError);
  });

  it('of many hosts that are new, the temporal model abstains until it can be calibrated', async () => {
    const { manifest, files } = await trained(onHosts(20, 25));
    expect(manifestSchema.safeParse(manifest).success).toBe(true);
    expect(manifest.abstained.temporal).toMatch(/0 sequences .* to calibrate on; it needs 10/);
    expect(manifest.models.temporal).toBeUndefined();
    expect(files.has('vae.onnx')).toBe(false);
  });
});

describe('recalibrate', () => {
  const options = { createdAt: new Date('2026-02-01T00:00:00Z'), alertBudget: 1, thresholds: DEFAULT_THRESHOLDS };

  it('keeps the models and what is normal, and takes p-values from the newer windows', async () => {
    const fleet = await trained(normalWindows(600, 4));
    const before = structuredClone(fleet.manifest);
    const noisy = normalWindows(600, 9).map((window, i) => ({
      ...window,
      id: `newer:${i}`,
      packets_per_second: (window.packets_per_second ?? 0) * (1 + (i % 3)),
    }));
    const manifest = await recalibrate(fleet, noisy, options);
    expect(manifestSchema.safeParse(manifest).error).toBeUndefined();
    expect(fleet.manifest).toEqual(before);
    expect(manifest.baseline).toEqual(before.baseline);
    expect(manifest.version).not.toBe(before.version);
    for (const name of MODEL_NAMES) {
      expect(manifest.models[name]?.sha256).toBe(before.models[name]?.sha256);
      expect(manifest.models[name]?.calibration.scores.at(-1)).toBeGreaterThan(
        before.models[name]?.calibration.scores.at(-1) ?? 0,
      );
    }
    await expect(recalibrate(fleet, noisy.slice(0, 12), options)).rejects.toThrow(NotEnoughDataError);
  });
});

describe('prepare', () => {
  it('holds out three stretches in ten of each host, spread over all of its time', () => {
    const { fitted, heldOut } = prepare(onHosts(2, 200));
    expect([fitted.length, heldOut.length]).toEqual([280, 120]);
    for (const host of ['host-0', 'host-1']) {
      const of = (windows: NetworkWindow[]) => windows.filter((window) => window.host === host);
      const tenth = ({ start }: NetworkWindow): number =>
        Math.floor((Date.parse(start) - Date.parse(of(fitted)[0]?.start ?? '')) / 20_000);
      expect([...new Set(of(heldOut).map(tenth))]).toEqual([1, 4, 8]);
    }
  });

  it('takes of a host with too many windows stretches of all its time, in a row', () => {
    const { fitted, heldOut } = prepare(normalWindows(60_000, 2));
    expect(fitted.length + heldOut.length).toBeLessThanOrEqual(20_000);
    expect(fitted.length + heldOut.length).toBeGreaterThan(19_000);
    const starts = [...fitted, ...heldOut].map(({ start }) => Date.parse(start)).sort((a, b) => a - b);
    const third = (starts.at(-1) as number) - (starts[0] as number);
    for (const part of [0, 1, 2]) {
      const from = (starts[0] as number) + (part * third) / 3;
      expect(starts.filter((start) => start >= from && start < from + third / 3).length).toBeGreaterThan(6000);
    }
    expect(sequencesOf(fitted, 50_000).length / (10 * FEATURE_COUNT)).toBeGreaterThan(0.9 * fitted.length);
  });

  it('makes no sequence across hosts, interfaces or gaps', () => {
    const nine = (fields: Partial<NetworkWindow>, from: number): NetworkWindow[] =>
      normalWindows(9, from).map((window, i) => ({
        ...window,
        id: `${JSON.stringify(fields)}${from}${i}`,
        start: new Date(1000 * (from + i)).toISOString(),
        ...fields,
      }));
    const apart = [...nine({}, 0), ...nine({}, 100), ...nine({ interface: 'eth1' }, 9), ...nine({ host: 'b' }, 9)];
    expect(sequencesOf(apart, 1000)).toHaveLength(0);
    expect(sequencesOf([...apart, ...nine({}, 9)], 1000)).toHaveLength(90 * FEATURE_COUNT);
    expect(sequencesOf(normalWindows(500, 1), 7)).toHaveLength(70 * FEATURE_COUNT);
  });
});

describe('learnableWindows', () => {
  const quiet = normalWindows(100, 6);
  const changed = (at: number, fields: Partial<NetworkWindow>): NetworkWindow[] =>
    quiet.map((window, i) => (i === at ? { ...window, ...fields } : window));
  const seconds = (windows: readonly NetworkWindow[]): number[] =>
    windows.map(({ start }) => Date.parse(start) / 1000 - 1_700_000_000);
  const scan = { packets_per_second: 3000, unique_ports: 700 };

  it('leaves out a scan and the ten windows on either side of it, in whatever order they come', () => {
    const windows = changed(50, scan);
    const kept = seconds(learnableWindows(windows, DEFAULT_THRESHOLDS));
    expect(kept).toEqual(Array.from({ length: 100 }, (_, i) => i).filter((second) => Math.abs(second - 50) > 10));
    expect(seconds(learnableWindows(windows.toReversed(), DEFAULT_THRESHOLDS))).toEqual(kept);
  });

  it('keeps the other interfaces and hosts of that time', () => {
    const elsewhere = quiet.map((window) => ({ ...window, id: `b/${window.id}`, host: 'b' }));
    const kept = learnableWindows([...changed(50, scan), ...elsewhere], DEFAULT_THRESHOLDS);
    expect(kept.filter(({ host }) => host === 'b')).toHaveLength(100);
  });

  it('keeps volume alone, so that a busy host can learn that it is busy', () => {
    const busy = quiet.map((window) => ({ ...window, packets_per_second: 5000, bytes_per_second: 8e6 }));
    expect(learnableWindows(busy, DEFAULT_THRESHOLDS)).toHaveLength(100);
  });
});
