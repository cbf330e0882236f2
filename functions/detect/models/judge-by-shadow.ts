/** Judges a post by the group's shadow version too, after its answer went out, and tells only how the verdicts compare. */
import type { Result } from '../../../contract/result.ts';
import { type Judging, judgeBatch } from '../../../models/judge.ts';
import { type AppContext, bindingsOf, incidentsOf, isolate, modelContext } from '../services.ts';

type Post = Omit<Parameters<typeof judgeBatch>[0], 'fleet'>;

/** @param live verdicts of the live version on the same windows */
export function judgeByShadow(c: AppContext, group: string, post: Post, live: readonly Result[]): void {
  const now = Date.now();
  if (isolate.shadowTallies.isDue(group, now)) c.executionCtx.waitUntil(compare(c, group, post, live));
  for (const [name, tally] of isolate.shadowTallies.take(now))
    c.executionCtx.waitUntil(incidentsOf(bindingsOf(c.env), name).countShadow(tally));
}

async function compare(c: AppContext, group: string, post: Post, live: readonly Result[]): Promise<void> {
  await isolate.shadows.withFleet(group, modelContext(c), async (fleet: Judging['fleet']) => {
    if (fleet === null) return;
    const shadow = await judgeBatch({ ...post, fleet });
    const alerts = live.map(
      ({ threat_detected }, i) => [threat_detected, shadow[i]?.threat_detected === true] as const,
    );
    const count = (is: (pair: readonly [boolean, boolean]) => boolean): number => alerts.filter(is).length;
    isolate.shadowTallies.add(group, {
      version: fleet.manifest.version,
      windows: live.length,
      live_alerts: count(([byLive]) => byLive),
      shadow_alerts: count(([, byShadow]) => byShadow),
      both_alerts: count(([byLive, byShadow]) => byLive && byShadow),
    });
  });
}
