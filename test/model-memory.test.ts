/** A thousand models of many groups, loaded in turn by one isolate in workerd: each judges, few stay, and memory is bounded. */
import { expect, it } from 'vitest';
import { loadModels } from '../bench/edge/memory.ts';
import { ISOLATE_MiB } from '../bench/isolate-memory.ts';

/** Of three models each: more than a thousand models. */
const GROUPS = 340;

it('every group is judged by its models, the least recently used make room, and the isolate stays below 128 MB', async () => {
  const { models, judged, loads, evictions, peak_MiB } = await loadModels(GROUPS);
  console.log(`${judged} groups, peak ${Math.round(peak_MiB)} MiB`);
  expect(models).toBe(3 * GROUPS);
  expect(judged).toBe(GROUPS);
  expect(loads).toBe(GROUPS);
  expect(evictions).toBeGreaterThan(GROUPS / 2);
  expect(evictions).toBeLessThan(GROUPS);
  expect(peak_MiB).toBeLessThan(ISOLATE_MiB);
}, 120_000);
