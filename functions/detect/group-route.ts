/** `GET /groups`: which groups have posted, and how each stands. */
import type { ListedGroup } from '../../contract/group-list.ts';
import type { Totals } from './metrics/metrics.ts';
import { DEPLOYMENT, OTHER_GROUPS } from './metrics/tally.ts';
import { type AppContext, bindingsOf, incidentsOf, isolate, metricsOf } from './services.ts';

/** Of a token that is bound to a group that one alone. */
export async function listGroups(c: AppContext): Promise<Response> {
  const bindings = bindingsOf(c.env);
  const metrics = metricsOf(bindings.metrics);
  await isolate.metrics.flush(metrics);
  const { group: own } = c.get('access');
  const {
    [DEPLOYMENT]: _,
    [OTHER_GROUPS]: others,
    ...counted
  }: Totals = own === null ? await metrics.totals() : { [own]: (await metrics.totalsOf(own)) ?? {} };
  const groups = await Promise.all(
    Object.entries(counted).map(async ([group, series]): Promise<ListedGroup> => {
      const { open, incidents_last_24h, alerts_last_24h } = await incidentsOf(bindings, group).figures();
      const windows_total = series.ml_detector_windows_total ?? 0;
      return { group, windows_total, incidents: open, incidents_last_24h, alerts_last_24h };
    }),
  );
  groups.sort((a, b) => b.incidents.open - a.incidents.open || a.group.localeCompare(b.group));
  return c.json({ groups, others: others !== undefined });
}
