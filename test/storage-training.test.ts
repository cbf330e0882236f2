/** What a training reads and writes: alerts left out, broken objects counted, and one winner among promotions at once. */
import { expect, it } from 'vitest';
import { promote } from '../functions/detect/models/promote.ts';
import { readPointer, seenPointer } from '../functions/storage/current-pointer.ts';
import { readShadow } from '../functions/storage/shadow-pointer.ts';
import { gzipLines, writeWindows } from '../functions/storage/window-objects.ts';
import { refuse } from '../functions/train/candidate.ts';
import { recentWindows } from '../functions/train/recent-windows.ts';
import { quietWindow, testEdge } from './edge-fixture.ts';
import { MemoryStore } from './memory-store.ts';
import { toyManifest, toyModel, version } from './model-fixture.ts';

const NOW = new Date('2026-11-20T12:00:00Z');
const line = (window: object): string => `${JSON.stringify(window)}\n`;

it('alerts are left out and what is close to them, false alarms taken back, repetitions read once, old and broken objects survived', async () => {
  const store = new MemoryStore();
  const [quiet, cleared, old] = [quietWindow(), quietWindow(), quietWindow()];
  const attacked = (second: number) =>
    quietWindow({ host: 'web-9', start: new Date(NOW.getTime() + 1000 * second).toISOString() });
  const [alerted, before, close, far] = [attacked(0), attacked(-10), attacked(10), attacked(11)];
  const around = line(before) + line(close) + line(far);
  const lines = `${around + line(quiet) + line({ ...alerted, alerted: true }) + line({ ...cleared, alerted: true })}no json\n`;
  await writeWindows(store, 'default', 'a', NOW, [gzipLines(lines)]);
  await writeWindows(store, 'default', 'b', NOW, [gzipLines(line(quiet))]);
  await writeWindows(store, 'default', 'c', new Date('2026-10-01T00:00:00Z'), [gzipLines(line(old))]);
  await store.put('windows/default/2026/11/20/12/d.ndjson.gz', new Uint8Array([1, 2, 3]).buffer);
  const read = await recentWindows(store, 'default', NOW, new Set([cleared.id]));
  expect(read.windows.map(({ id }) => id).sort()).toEqual([quiet.id, cleared.id, far.id].sort());
  expect(read.windows[0]).not.toHaveProperty('alerted');
  expect([read.alerted, read.quarantined]).toEqual([1, 2]);
  expect(read.losses).toEqual({ unreadableObjects: 1, invalidLines: 1, duplicates: 1 });
});

it('windows of the last hour are not learned where there are enough older ones, since a slow attack may be in them', async () => {
  const store = new MemoryStore();
  const at = (second: number) => quietWindow({ start: new Date(NOW.getTime() + 1000 * second).toISOString() });
  const young = Array.from({ length: 100 }, (_, i) => at(-i));
  await writeWindows(store, 'default', 'young', NOW, [gzipLines(young.map(line).join(''))]);
  expect(await recentWindows(store, 'default', NOW, new Set())).toMatchObject({ unsettled: 0 });
  const old = Array.from({ length: 2000 }, (_, i) => at(-3601 - i));
  await writeWindows(store, 'default', 'old', NOW, [gzipLines(old.map(line).join(''))]);
  const read = await recentWindows(store, 'default', NOW, new Set());
  expect([read.unsettled, read.windows.length]).toEqual([100, 2000]);
});

const promoted = (
  store: MemoryStore,
  trained: Parameters<typeof promote>[2],
  refusal: string | null = null,
): ReturnType<typeof promote> => promote(store, 'default', trained, async () => refusal, NOW);

it('a version that the runtime of detect refuses is not promoted, whatever training said of it', async () => {
  const store = new MemoryStore();
  const outcome = await promoted(store, { version: version(1), objection: null, seen: null }, 'golden vector 0');
  expect(outcome).toEqual({ promoted: false, reason: 'golden vector 0' });
  expect(store.objects.size).toBe(0);
});

it('a version that is held back is the shadow until another is promoted', async () => {
  const store = new MemoryStore();
  const held = { version: version(1), objection: 'breaks the budget', seen: null };
  expect(await promoted(store, held)).toEqual({ promoted: false, reason: 'breaks the budget' });
  expect(await readShadow(store, 'default')).toMatchObject({
    pointer: { version: version(1), reason: 'breaks the budget' },
  });
  expect(await readPointer(store, 'default')).toBeNull();
  expect(await promoted(store, { ...held, version: version(2), objection: null })).toMatchObject({ promoted: true });
  expect(await readShadow(store, 'default')).toBeNull();
});

it('of two trainings that began at the same pointer one is promoted, and the other says so', async () => {
  const store = new MemoryStore();
  for (const round of [0, 2]) {
    const seen = await seenPointer(store, 'default');
    const outcomes = await Promise.all(
      [round + 1, round + 2].map((n) => promoted(store, { version: version(n), objection: null, seen })),
    );
    expect(outcomes.filter(({ promoted }) => promoted)).toHaveLength(1);
    expect(outcomes.find(({ promoted }) => !promoted)?.reason).toMatch(/another version was promoted/);
  }
  const read = await readPointer(store, 'default');
  expect(read).toMatchObject({ pointer: { previous: expect.stringMatching(/^20261120T12000[12]Z/) } });
});

it('a candidate without models, without golden vectors, or that lost a model is not promoted', () => {
  const onnx = toyModel();
  const live = toyManifest(version(1), onnx);
  const models = { ...live.models, temporal: live.models.statistical };
  expect(refuse(live, null)).toBeNull();
  expect(refuse({ ...live, models: {} }, null)).toMatch(/no model/);
  expect(refuse({ ...live, golden: [] }, null)).toMatch(/golden/);
  expect(refuse(live, { ...live, models })).toMatch(/no temporal model.*toy/);
});

it('training without windows answers 422 and what is needed', async () => {
  const edge = await testEdge();
  try {
    const answer = await edge.trainNow();
    expect(answer.status).toBe(422);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(((await answer.json()) as { detail: string }).detail).toMatch(/has 0 network windows.*at least 30/);
  } finally {
    await edge.remove();
  }
});
