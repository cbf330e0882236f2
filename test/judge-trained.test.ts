/** The verdict of a group with models: trained on the demo's normal traffic, run by the edge's ONNX runtime. */
import { beforeAll, describe, expect, it } from 'vitest';
import { bootBackend } from '../cli/tfjs-backend.ts';
import type { AuthWindow } from '../contract/auth-window.ts';
import { SEQUENCE_LENGTH } from '../contract/features.ts';
import type { NetworkWindow } from '../contract/network-window.ts';
import { result as resultSchema } from '../contract/result.ts';
import { DEFAULT_THRESHOLDS } from '../contract/thresholds.ts';
import { FEATURE_COUNT } from '../models/features.ts';
import { judgeBatch, judgeFlat } from '../models/judge.ts';
import { trainFleet } from '../models/training/train-fleet.ts';
import type { Fleet } from '../models/votes.ts';
import { demoAttacks, normalWindows } from './fitted-models.ts';
import { inWeb } from './onnx-runtimes.ts';

const rules = { thresholds: DEFAULT_THRESHOLDS, alertBudget: 1 };
let fleet: Fleet;
/** Calls of each model so far. */
const calls: string[] = [];

beforeAll(async () => {
  const { manifest, files } = await trainFleet(normalWindows(1500, 5), {
    ...rules,
    group: 'demo',
    seed: 5,
    createdAt: new Date('2026-01-01T00:00:00Z'),
    bootBackend,
  });
  fleet = {
    manifest,
    async run(model, input, rows, hours) {
      calls.push(model);
      const onnx = files.get(manifest.models[model]?.file ?? '');
      if (!onnx) throw new Error(`${model} was not trained`);
      const dims = model === 'temporal' ? [rows, SEQUENCE_LENGTH, FEATURE_COUNT] : [rows, FEATURE_COUNT];
      const { score, contribution, nearest, step_error } = await inWeb(onnx, input, dims, hours);
      return {
        score: score as Float32Array,
        contribution: contribution as Float32Array,
        ...(nearest && { nearest: Int32Array.from(nearest, Number) }),
        ...(step_error && { stepError: step_error as Float32Array }),
      };
    },
  };
});

const judge = (windows: readonly (NetworkWindow | AuthWindow)[], context: readonly NetworkWindow[] = []) =>
  judgeBatch({ ...rules, fleet, windows, context });
const judgeOne = (flat: Parameters<typeof judgeFlat>[0]) => judgeFlat(flat, { ...rules, fleet });

describe('the named cases', () => {
  it('120 packets/s of the usual kind are normal', async () => {
    const verdict = await judgeOne({
      packets_per_second: 120,
      bytes_per_second: 65_000,
      unique_ips: 8,
      unique_ports: 5,
      tcp_packets: 100,
      udp_packets: 20,
      syn_packets: 35,
    });
    expect(verdict).toMatchObject({ threat_detected: false, threat_types: [] });
    expect(verdict.model_version).toBe(fleet.manifest.version);
    expect(Object.keys(verdict.model_scores).sort()).toEqual(['spatial', 'statistical']);
  });

  it('65 ports from 2 addresses are a port scan, and the ports explain it', async () => {
    const verdict = await judgeOne({
      packets_per_second: 800,
      bytes_per_second: 150_000,
      unique_ips: 2,
      unique_ports: 65,
      tcp_packets: 750,
      udp_packets: 50,
      syn_packets: 700,
    });
    expect(verdict.threat_types[0]).toBe('port_scan');
    expect(verdict.level).toBe('critical');
    for (const { features } of verdict.explanation.models) {
      const ports = features.find(({ feature }) => feature === 'unique_ports');
      expect(ports).toMatchObject({ observed: 65, normal: [2, 7] });
      expect(features.reduce((sum, { share }) => sum + share, 0)).toBeLessThanOrEqual(1 + 1e-6);
    }
    expect(verdict.explanation.models[0]?.nearest_cluster).toBeGreaterThanOrEqual(0);
  });

  it('a privileged service with 136,963 attempts is abused', async () => {
    const verdict = await judgeOne({
      username_type: 'service',
      total_attempts: 136_963,
      failed_attempts: 2396,
      unique_source_ips: 34,
      privilege_level: 1,
    });
    expect(verdict.threat_types).toContain('service_account_abuse');
    expect(verdict.detection_type).toBe('authentication');
    expect(verdict.model_scores).toEqual({});
    expect(verdict.explanation.abstained.spatial).toMatch(/fewer than 3/);
  });

  it('latency, jitter and loss together are a degraded path', async () => {
    const verdict = await judgeOne({
      packets_per_second: 200,
      avg_latency_ms: 85,
      max_latency_ms: 150,
      jitter_ms: 25,
      packet_loss_rate: 0.08,
    });
    expect(verdict.threat_types).toContain('qos_degradation');
    expect(verdict.detection_type).toBe('transport_qos');
  });

  it('the README example is a port scan', async () => {
    expect((await judgeOne({ packets_per_second: 1200, unique_ports: 50 })).threat_types).toEqual(['port_scan']);
  });
});

describe('the demo', () => {
  it('raises no alert in a thousand unseen normal windows', async () => {
    const results = await judge(normalWindows(1000, 77));
    expect(results.filter(({ threat_detected }) => threat_detected)).toEqual([]);
  });

  it('each of its attacks is found and called by its name', async () => {
    const missed: string[] = [];
    for (const { threat, observed } of demoAttacks()) {
      const { threat_types } = await judgeOne(observed);
      if (!threat_types.includes(threat)) missed.push(threat);
    }
    expect(missed).toEqual([]);
  });
});

it('the temporal model says in which of its ten windows a feature was strange', async () => {
  const windows = normalWindows(20, 8);
  const strange = windows.map((window, i) => (i === 15 ? { ...window, unique_ips: 40_000 } : window));
  const [verdict] = (await judgeBatch({ ...rules, fleet, windows: strange, context: [], explainQuiet: true })).slice(
    18,
  );
  const temporal = verdict?.explanation.models.find(({ model }) => model === 'temporal');
  expect(temporal?.features.find(({ feature }) => feature === 'unique_ips')?.windows_earlier).toBe(3);
  expect(temporal?.by_window).toHaveLength(10);
  expect(temporal?.by_window?.[6]).toBeGreaterThan(0.5);
  expect(temporal?.by_window?.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 5);
});

describe('a batch', () => {
  const windows = normalWindows(30, 8);

  it('goes through each model once, and its answers fit the schema in the order of the windows', async () => {
    calls.length = 0;
    const results = await judge(windows.slice(9), windows.slice(0, 9));
    expect(calls).toEqual(['spatial', 'statistical', 'temporal']);
    expect(results.map((one) => one.window?.id)).toEqual(windows.slice(9).map(({ id }) => id));
    for (const one of results) {
      expect(resultSchema.safeParse(one).error).toBeUndefined();
      expect(Object.keys(one.model_scores)).toHaveLength(3);
    }
  });

  it('answers the same in any order and split over posts', async () => {
    const [whole, ...rest] = await Promise.all([
      judge(windows.slice(9), windows.slice(0, 9)),
      judge(windows.slice(9).toReversed(), windows.slice(0, 9).toReversed()),
      judge(windows.slice(9, 20), windows.slice(0, 9)),
    ]);
    const byId = new Map(whole?.map((one) => [one.window?.id, one]));
    for (const results of rest) for (const one of results) expect(one).toEqual(byId.get(one.window?.id));
  });

  it('takes auth windows among network windows', async () => {
    const auth: AuthWindow = {
      id: 'auth:1',
      host: 'demo',
      group: 'demo',
      start: '2026-01-01T00:00:00Z',
      duration_s: 300,
      username: 'root',
      total_attempts: 400,
      failed_attempts: 390,
      unique_source_ips: 1,
      sources: [{ ip: '198.51.100.7', packets: 400, bytes: 0 }],
    };
    const results = await judge([windows[0] as NetworkWindow, auth, windows[1] as NetworkWindow]);
    expect(results.map(({ detection_type }) => detection_type)).toEqual(['network', 'authentication', 'network']);
    expect(results[1]).toMatchObject({ threat_types: ['brute_force_attack'], attacking_ips: ['198.51.100.7'] });
    expect(results[1]?.explanation.abstained.spatial).toMatch(/network windows only/);
    expect(results[2]?.window?.id).toBe(windows[1]?.id);
  });
});

describe('the temporal model', () => {
  const windows = normalWindows(10, 8);
  const last = windows.slice(9);
  const votes = async (context: readonly NetworkWindow[]): Promise<boolean> => {
    const [verdict] = await judge(last, context);
    if (verdict?.model_scores.temporal !== undefined) return true;
    expect(verdict?.explanation.abstained.temporal).toMatch(/ten windows in a row/);
    return false;
  };
  const later = (by_s: number, from: number): NetworkWindow[] =>
    windows.slice(0, 9).map((window, i) => ({
      ...window,
      start: new Date(Date.parse(window.start) - (i < from ? 1000 * by_s : 0)).toISOString(),
    }));

  it('judges a window with nine before it and abstains with eight', async () => {
    expect(await votes(windows.slice(0, 9))).toBe(true);
    expect(await votes(windows.slice(1, 9))).toBe(false);
  });

  it('bears two lost windows in a row, and no longer gap', async () => {
    expect(await votes(later(2, 5))).toBe(true);
    expect(await votes(later(3, 5))).toBe(false);
  });

  it('never reads windows of another host or interface', async () => {
    for (const other of [{ host: 'other' }, { interface: 'eth1' }])
      expect(await votes(windows.slice(0, 9).map((window, i) => (i === 4 ? { ...window, ...other } : window)))).toBe(
        false,
      );
  });

  it('reads a window once that came twice', async () => {
    expect(await votes([...windows.slice(2, 9), ...windows.slice(2, 9)])).toBe(false);
  });
});

describe('models by themselves', () => {
  it('raise no alert from one model, and say so in a note', async () => {
    const windows = normalWindows(1, 8);
    const one: Fleet = {
      manifest: {
        ...fleet.manifest,
        models: { spatial: { ...fleet.manifest.models.spatial!, calibration: sure } },
        abstained: { temporal: 'too few sequences', statistical: 'too few samples' },
      },
      run: fleet.run,
    };
    const strange = windows.map((window) => ({ ...window, bytes_per_second: 4e6, unique_ips: 900 }));
    const [verdict] = await judgeBatch({ ...rules, alertBudget: 2000, fleet: one, windows: strange, context: [] });
    expect(verdict).toMatchObject({ threat_detected: false, level: 'low' });
    expect(verdict?.explanation.notes.map(({ kind }) => kind)).toEqual(['ml_low_risk']);
    expect(verdict?.explanation.abstained.statistical).toBe('too few samples');
  });

  it('alert where two agree beyond the budget', async () => {
    const strange = normalWindows(1, 8).map((window) => ({ ...window, bytes_per_second: 4e6, unique_ips: 900 }));
    const [verdict] = await judgeBatch({ ...rules, alertBudget: 2000, fleet, windows: strange, context: [] });
    expect(verdict?.threat_detected).toBe(true);
    expect(verdict?.threat_types[0]).toMatch(/^ml_(medium|high|critical)_risk$/);
    expect(verdict?.explanation.summary[0]).toMatch(/normal here .* % of the spatial score/);
  });
});

const sure = { scores: Array.from({ length: 2000 }, (_, i) => i / 2000), windows: 2000, tail: null };
