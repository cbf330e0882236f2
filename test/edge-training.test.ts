/** From posted windows to live models: training in workerd, promotion, and scores by the models it wrote. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MODEL_FILES, MODEL_NAMES, NETWORK_FEATURES } from '../contract/features.ts';
import type { Result } from '../contract/result.ts';
import { networkFeatures } from '../models/features.ts';
import { quietWindow, type Receiver, type TestEdge, testEdge, webhookReceiver } from './edge-fixture.ts';
import { inNode } from './onnx-runtimes.ts';

const value = fc.oneof(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.constantFrom(0, 1, 1e12, 1e15));

let edge: TestEdge;
let receiver: Receiver;
beforeAll(async () => {
  receiver = await webhookReceiver();
  edge = await testEdge({ WEBHOOK_URL: receiver.url, WEBHOOK_ALLOW_PRIVATE: 'true' });
});
afterAll(async () => {
  await edge.remove();
  await receiver.close();
});

/** Ordinary traffic with some noise, second by second, repeatable. */
function ordinary(second: number): ReturnType<typeof quietWindow> {
  const wave = (period: number, size: number): number => size * Math.sin((2 * Math.PI * second) / period);
  return quietWindow({
    start: new Date(Date.UTC(2026, 10, 20, 10, 0, second)).toISOString(),
    packets_per_second: 80 + wave(37, 15) + wave(11, 5),
    bytes_per_second: 60_000 + wave(41, 9000) + wave(7, 3000),
    unique_ips: 8 + Math.round(wave(29, 3)),
    unique_ports: 4 + Math.round(wave(13, 2)),
    tcp_packets: 60 + wave(37, 12),
    udp_packets: 15 + wave(17, 4),
    syn_packets: 22 + wave(23, 6),
    avg_latency_ms: 5 + wave(19, 1.5),
    max_latency_ms: 15 + wave(31, 4),
    jitter_ms: 1 + wave(9, 0.4),
    packet_loss_rate: 0.001,
  });
}

it('trains three models on what was posted, promotes them, and judges by them within 10 s', async () => {
  const windows = Array.from({ length: 600 }, (_, second) => ordinary(second));
  for (let from = 0; from < windows.length; from += 100) await edge.detect(windows.slice(from, from + 100));
  const answer = await edge.trainNow();
  const outcome = (await answer.json()) as { status: string; version: string; promoted: boolean; reason: string };
  expect(outcome).toMatchObject({ status: 'trained', promoted: true });
  const live = async (): Promise<unknown> =>
    ((await (await fetch(`${edge.url}/health`)).json()) as { model_version: string }).model_version;
  await expect.poll(live, { timeout: 10_000 }).toBe(outcome.version);

  const context = Array.from({ length: 9 }, (_, second) => ordinary(600 + second));
  const post = await edge.post('/detect', { windows: [ordinary(609)], context });
  const { results } = (await post.json()) as {
    results: { model_scores: Record<string, number>; threat_detected: boolean }[];
  };
  expect(Object.keys(results[0]?.model_scores ?? {}).sort()).toEqual([...MODEL_NAMES].sort());
  expect(results[0]?.threat_detected).toBe(false);
});

it('workerd scores as an independent runtime does, to a relative 1e-5, also where values are extreme', async () => {
  const { current } = (await (await fetch(`${edge.url}/models`)).json()) as { current: string };
  const bucket = await edge.runtime.getR2Bucket('BUCKET', 'vigia');
  const onnxOf = async (file: string): Promise<Uint8Array> => {
    const object = await bucket.get(`models/default/${current}/${file}`);
    if (object === null) throw new Error(`${file} is not stored`);
    return new Uint8Array(await object.arrayBuffer());
  };
  const graphs = { spatial: await onnxOf(MODEL_FILES.spatial), statistical: await onnxOf(MODEL_FILES.statistical) };
  const measured = fc.record(
    {
      packets_per_second: value,
      bytes_per_second: value,
      unique_ips: value,
      unique_ports: value,
      tcp_packets: value,
      syn_packets: value,
      avg_latency_ms: value,
    },
    { requiredKeys: ['packets_per_second', 'bytes_per_second', 'unique_ips'] },
  );
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(measured, async (flat) => {
      const verdict = (await (await edge.post('/detect', flat)).json()) as Result;
      for (const [name, onnx] of Object.entries(graphs)) {
        const { score } = await inNode(onnx, networkFeatures(flat), [1, NETWORK_FEATURES.length]);
        const expected = Number(score?.[0]);
        const actual = verdict.explanation.models.find(({ model }) => model === name)?.raw_score ?? Number.NaN;
        expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-5 * Math.max(1e-3, expected));
        compared++;
      }
    }),
    { numRuns: 60 },
  );
  expect(compared).toBeGreaterThanOrEqual(120);
});

it('the promotion is told to the webhook', async () => {
  await expect
    .poll(() => receiver.deliveries.map(({ body }) => (JSON.parse(body) as { type: string }).type))
    .toContain('model.promoted');
});

it('a version that is held back is scored beside the live one, and reported', async () => {
  const { current } = (await (await fetch(`${edge.url}/models`)).json()) as { current: string };
  const bucket = await edge.runtime.getR2Bucket('BUCKET', 'vigia');
  const shadow = { version: current, reason: 'moved too far', since: '2026-11-20T12:00:00Z' };
  await bucket.put('models/default/shadow.json', JSON.stringify(shadow));
  const windows = Array.from({ length: 20 }, (_, second) => ordinary(700 + second));
  const scan = { ...ordinary(720), unique_ports: 900, packets_per_second: 5000 };
  const compared = async (): Promise<Record<string, unknown>> => {
    await edge.detect([...windows, scan].map((window) => ({ ...window, id: crypto.randomUUID() })));
    return ((await (await fetch(`${edge.url}/stats`)).json()) as { shadow: Record<string, number> }).shadow;
  };
  await expect.poll(compared, { timeout: 30_000, interval: 1000 }).toMatchObject({ ...shadow, windows: 21 });
  expect(await compared()).toMatchObject({ live_alerts: 1, shadow_alerts: 1, both_alerts: 1 });
  const { models } = (await (await fetch(`${edge.url}/models`)).json()) as { models: { shadow: unknown }[] };
  expect(models[0]?.shadow).toMatchObject({ version: current });
  await bucket.delete('models/default/shadow.json');
});

it('a second training replaces the first, which stays to roll back to', async () => {
  const before = (await (await fetch(`${edge.url}/models`)).json()) as { current: string };
  await new Promise((resolve) => setTimeout(resolve, 1100));
  expect(await (await edge.trainNow()).json()).toMatchObject({ promoted: true });
  const after = (await (await fetch(`${edge.url}/models`)).json()) as { current: string; previous: string };
  expect(after.current).not.toBe(before.current);
  expect(after.previous).toBe(before.current);
});
