/** `/healthz` of a collector: what it calls a failure, and after how long. */
import { describe, expect, it } from 'vitest';
import { HealthWatch, type Watched } from '../collector/metrics/health.ts';

const MINUTE_MS = 60_000;
const problem = { cause: '503', reason: 'the edge answered 503', remedy: null };

/** A collector to which things happen. */
function collector() {
  const now = { ms: 0 };
  const state = { failed: 0, other: 0, edgeAwaySince_ms: null as number | null, writeError: null as string | null };
  const source = (spec: string, failed: () => number) => ({ spec, losses: () => ({ window_read_failed: failed() }) });
  const sources = [source('ebpf:eth0', () => state.failed), source('ebpf:eth1', () => state.other)];
  const watched: Watched = {
    sources: () => sources,
    delivery: {
      counters: { posted_windows: 7 },
      get edgeProblem() {
        return state.edgeAwaySince_ms === null ? null : problem;
      },
      get edgeAwaySince_ms() {
        return state.edgeAwaySince_ms;
      },
      lastPost_ms: 0,
    },
    spool: {
      waiting: 3,
      bytes: 3600,
      get writeError() {
        return state.writeError;
      },
    },
  };
  const health = new HealthWatch(watched, () => now.ms);
  for (const one of sources) health.saw(one);
  return { now, state, health, sawFirst: () => health.saw(sources[0] ?? source('', () => 0)) };
}

describe('a collector', () => {
  it('that works is well, also while nothing comes, and tells its figures', () => {
    const { now, health } = collector();
    now.ms = 60 * MINUTE_MS;
    expect(health.read()).toEqual({
      ok: true,
      facts: {
        problems: [],
        waiting_windows: 3,
        spool_bytes: 3600,
        posted_windows: 7,
        last_post_age_s: 3600,
        failing_sources: [],
        disk_error: null,
        edge_error: null,
      },
    });
  });

  it('whose edge is away is failing after a quarter of an hour, and told at once', () => {
    const { now, state, health } = collector();
    state.edgeAwaySince_ms = MINUTE_MS;
    now.ms = 16 * MINUTE_MS;
    expect(health.read()).toMatchObject({ ok: true, facts: { edge_error: 'the edge answered 503' } });
    now.ms += 1;
    expect(health.read()).toMatchObject({
      ok: false,
      facts: { problems: ['the edge has taken nothing for 15 min: the edge answered 503'] },
    });
    state.edgeAwaySince_ms = null;
    expect(health.read().ok).toBe(true);
  });

  it('one of whose sources fails at every read is failing after three minutes, until a window comes', () => {
    const { now, state, health, sawFirst } = collector();
    state.failed = 170;
    now.ms = 3 * MINUTE_MS;
    expect(health.read().ok).toBe(true);
    now.ms += 1;
    expect(health.read()).toMatchObject({
      ok: false,
      facts: { failing_sources: ['ebpf:eth0'], problems: [expect.stringMatching(/^ebpf:eth0: every read/)] },
    });
    sawFirst();
    now.ms += 10 * MINUTE_MS;
    expect(health.read().ok).toBe(true);
  });

  it('whose disk refuses windows is failing at once', () => {
    const { state, health } = collector();
    state.writeError = 'ENOSPC';
    expect(health.read()).toMatchObject({ ok: false, facts: { problems: ['the disk takes no windows: ENOSPC'] } });
  });
});
