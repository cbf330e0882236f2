/** New models are live within seconds; what is not exactly what training wrote is refused, and the last good version goes on. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Manifest } from '../contract/manifest.ts';
import { quietWindow, type TestEdge, testEdge } from './edge-fixture.ts';
import { toyManifest, toyModel, upload, version } from './model-fixture.ts';

interface Health {
  status: string;
  model_version: string | null;
  models_trained: Record<string, boolean>;
  refused_model: { version: string | null; reason: string } | null;
}

let edge: TestEdge;
const onnx = toyModel();
beforeAll(async () => {
  edge = await testEdge();
});
afterAll(() => edge.remove());

const health = async (): Promise<Health> => (await (await fetch(`${edge.url}/health`)).json()) as Health;

it('a first version is live within 10 s of its promotion, without a restart', async () => {
  expect((await edge.detect([quietWindow()]))[0]?.model_version).toBeNull();
  await upload(edge, toyManifest(version(1), onnx), onnx);
  await expect
    .poll(async () => (await edge.detect([quietWindow()]))[0]?.model_version, { timeout: 10_000 })
    .toBe(version(1));
  const [verdict] = await edge.detect([quietWindow({ packets_per_second: 50_000, bytes_per_second: 60_000 })]);
  expect(verdict?.model_scores.statistical).toBeGreaterThan(0);
  expect(verdict?.explanation.abstained).toMatchObject({ spatial: 'toy' });
  expect((await health()).models_trained).toEqual({ spatial: false, temporal: false, statistical: true });
});

describe('refused, with the reason in /health and in one log line, while the version before goes on:', () => {
  const cut = onnx.slice(0, onnx.byteLength / 2);
  const golden = toyManifest('', onnx).golden.map((vector) => ({ ...vector, scores: { statistical: 1.2 } }));
  const foreign = [...toyManifest('', onnx).features].reverse();

  it.each<[string, number, Uint8Array, (name: string) => Manifest, RegExp]>([
    [
      'a corrupt model',
      11,
      onnx.map((byte, index) => (index === 200 ? byte ^ 1 : byte)),
      (name) => toyManifest(name, onnx),
      /SHA-256/,
    ],
    ['a truncated model', 12, cut, (name) => toyManifest(name, cut), /does not load/],
    [
      'no model at all',
      13,
      new TextEncoder().encode('<html>'),
      (name) => toyManifest(name, new TextEncoder().encode('<html>')),
      /does not load/,
    ],
    [
      'a model that answers differently from training',
      14,
      onnx,
      (name) => toyManifest(name, onnx, { golden }),
      /golden vector 0/,
    ],
    [
      'features in another order',
      15,
      onnx,
      (name) => toyManifest(name, onnx, { features: foreign }),
      /features of this release/,
    ],
    ['a manifest of another group', 16, onnx, (name) => toyManifest(name, onnx, { group: 'db' }), /is of db/],
  ])('%s', async (_, n, bytes, manifest, reason) => {
    const before = edge.logs.length;
    await upload(edge, manifest(version(n)), bytes);
    await expect.poll(async () => (await health()).refused_model?.version, { timeout: 10_000 }).toBe(version(n));
    const state = await health();
    expect(state).toMatchObject({ status: 'degraded', model_version: version(1) });
    expect(state.refused_model?.reason).toMatch(reason);
    for (let i = 0; i < 20; i++) expect((await edge.detect([quietWindow()]))[0]?.model_version).toBe(version(1));
    const lines = edge.logs
      .slice(before)
      .filter((line) => line.includes('models_refused') && line.includes(version(n)));
    expect(lines).toHaveLength(1);
  });

  it('a pointer that is no JSON', async () => {
    const bucket = await edge.runtime.getR2Bucket('BUCKET', 'vigia');
    await bucket.put('models/default/current.json', '{"version": ');
    await expect.poll(async () => (await health()).refused_model?.reason, { timeout: 10_000 }).toMatch(/is no pointer/);
    expect((await health()).model_version).toBe(version(1));
  });

  it('and the next good version heals it, where a score of nearly nothing was rounded otherwise', async () => {
    const golden = toyManifest('', onnx).golden.map(({ rows, hour }) => ({
      ...{ rows: rows.map((row) => row.map(() => 0.1)), hour },
      scores: { statistical: 0.00015 }, // and here 0.0001
    }));
    await upload(edge, toyManifest(version(20), onnx, { golden }), onnx);
    await expect
      .poll(health, { timeout: 10_000 })
      .toMatchObject({ status: 'ok', model_version: version(20), refused_model: null });
  });
});

it('refused ones of any group show in its /stats and in /metrics, with the windows that rules alone judged', async () => {
  const [group, cut] = ['cut', onnx.slice(0, onnx.byteLength / 2)];
  await upload(edge, toyManifest(version(1), onnx, { group }), cut, group);
  const refused = async (): Promise<Health> =>
    (await (await fetch(`${edge.url}/stats?group=${group}`)).json()) as Health;
  const sample = async (name: string): Promise<number> => {
    const page = await (await fetch(`${edge.url}/metrics`)).text();
    const line = page.split('\n').find((text) => text.startsWith(`${name} `));
    return Number(line?.slice(name.length));
  };
  const status = (of: string, live: string) =>
    sample(`ml_detector_advanced_model_status{group="${of}",model_name="statistical",version="${live}"}`);
  for (let i = 0; i < 3; i++)
    expect((await edge.detect([quietWindow({ group }), quietWindow({ group })]))[0]?.model_version).toBeNull();
  expect(await refused()).toMatchObject({
    model_version: null,
    refused_model: { version: version(1), reason: expect.stringMatching(/SHA-256/) },
  });
  expect(await sample('ml_detector_models_refused_total{group="cut",cache="live"}')).toBe(1);
  expect(await sample('ml_detector_windows_by_rules_alone_total{group="cut"}')).toBe(6);
  expect(await status(group, '')).toBe(0);
  expect(await status('default', version(20))).toBe(1);
  expect(await sample('ml_detector_windows_by_rules_alone_total{group="default"}')).toBeNaN();

  await upload(edge, toyManifest(version(2), onnx, { group }), onnx, group);
  await expect.poll(async () => (await refused()).model_version, { timeout: 10_000 }).toBe(version(2));
  expect((await refused()).refused_model).toBeNull();
  expect(await status(group, version(2))).toBe(1);

  await upload(edge, toyManifest(version(3), onnx, { group }), cut, group);
  await expect.poll(async () => (await refused()).refused_model?.version, { timeout: 10_000 }).toBe(version(3));
  expect(await status(group, version(2))).toBe(1);
  expect(await status(group, version(3))).toBeNaN();
});

it('posts under way while versions change are all answered by one or the other', async () => {
  const versions = new Set<string | null>();
  let done = false;
  const client = async (): Promise<void> => {
    while (!done)
      for (const verdict of await edge.detect([quietWindow(), quietWindow()])) versions.add(verdict.model_version);
  };
  const clients = Array.from({ length: 8 }, client);
  for (const n of [21, 22]) {
    await upload(edge, toyManifest(version(n), onnx), onnx);
    await expect.poll(async () => (await health()).model_version, { timeout: 10_000 }).toBe(version(n));
  }
  done = true;
  await Promise.all(clients);
  expect([...versions].sort()).toEqual([version(20), version(21), version(22)]);
});

it('a cold edge under 50 posts at once judges all of them by the models', async () => {
  await edge.stop();
  edge = await testEdge({}, edge.stateDir);
  const verdicts = await Promise.all(Array.from({ length: 50 }, () => edge.detect([quietWindow()])));
  expect(new Set(verdicts.map(([verdict]) => verdict?.model_version))).toEqual(new Set([version(22)]));
});

it('rollback is one call, and live within seconds', async () => {
  const listed = (await (await fetch(`${edge.url}/models`)).json()) as {
    current: string;
    models: { version: string }[];
  };
  expect(listed.current).toBe(version(22));
  expect(listed.models.map((model) => model.version)).toContain(version(1));
  const answer = await edge.post('/models/rollback', { version: version(1) });
  expect(await answer.json()).toMatchObject({ status: 'rolled_back', version: version(1), previous: version(22) });
  await expect
    .poll(async () => (await edge.detect([quietWindow()]))[0]?.model_version, { timeout: 10_000 })
    .toBe(version(1));
  expect((await edge.post('/models/rollback', {})).status).toBe(200);
  await expect
    .poll(async () => (await edge.detect([quietWindow()]))[0]?.model_version, { timeout: 10_000 })
    .toBe(version(22));
  expect((await edge.post('/models/rollback', { version: version(59) })).status).toBe(404);
  expect((await edge.post('/models/rollback', { version: 5 })).status).toBe(400);
});
