/** `GET /metrics`: the totals of all isolates in Prometheus' text format. */

import type { TrainCounts } from '../train/train-counts.ts';
import { requireGroup } from './authenticate.ts';
import type { Bindings } from './bindings.ts';
import { CONTENT_TYPE, expose, type Series, seriesOf, withLabel } from './metrics/exposition.ts';
import { FAMILIES } from './metrics/families.ts';
import {
  bufferSamples,
  endpointSamples,
  incidentSamples,
  modelSamples,
  webhookSamples,
} from './metrics/group-samples.ts';
import { inTime } from './metrics/in-time.ts';
import { type LiveVersion, liveVersionOf } from './metrics/live-models.ts';
import type { Totals } from './metrics/metrics.ts';
import { DEPLOYMENT, OTHER_GROUPS } from './metrics/tally.ts';
import {
  type AppContext,
  askedGroup,
  bindingsOf,
  incidentsOf,
  isolate,
  metricsOf,
  modelContext,
  webhooksOf,
} from './services.ts';
import { figuresOf } from './webhooks/figures.ts';

/** Of all groups; of one where `?group=` or the token says so, and then without what belongs to no group. */
export async function metrics(c: AppContext): Promise<Response> {
  const bindings = bindingsOf(c.env);
  const access = c.get('access');
  const group = askedGroup(c) ?? access.group;
  if (group !== null) requireGroup(access, group);
  const totals = metricsOf(bindings.metrics);
  await isolate.metrics.flush(totals);
  const counted: Totals = group === null ? await totals.totals() : { [group]: (await totals.totalsOf(group)) ?? {} };
  if (group === null) {
    counted.default ??= {};
    counted[DEPLOYMENT] = await withTrainCounts(bindings, counted[DEPLOYMENT] ?? {});
  }

  const webhooks = webhooksOf(bindings.webhooks);
  const [figures, endpoints] = await Promise.all([webhooks.figures(), webhooks.list(group)]);
  const samples = await Promise.all(
    Object.entries(counted).map(async ([scope, series]) => {
      const own = Object.entries(series);
      if (scope === DEPLOYMENT) return own;
      const all =
        scope === OTHER_GROUPS
          ? own
          : [...own, ...(await keptOf(c, scope, series)), ...webhookSamples(figuresOf(figures, scope))];
      return all.map(([name, value]): [Series, number] => [withLabel(name, 'group', scope), value]);
    }),
  );
  const all = [...samples.flat(), ...endpointSamples(endpoints), ...(group === null ? revocationSamples() : [])];
  return new Response(expose(FAMILIES, all), { headers: { 'content-type': CONTENT_TYPE } });
}

async function keptOf(c: AppContext, group: string, counted: Record<Series, number>): Promise<[Series, number][]> {
  const bindings = bindingsOf(c.env);
  const [figures, live, buffer] = await Promise.all([
    incidentsOf(bindings, group).figures(),
    liveVersionOfGroup(c, group, counted),
    bindings.windowQueue === null ? bindings.windowBuffer.getByName(group).figures() : null,
  ]);
  return [...incidentSamples(figures), ...modelSamples(live), ...(buffer === null ? [] : bufferSamples(buffer))];
}

/** Nothing where no tokens are asked for. */
function revocationSamples(): [Series, number][] {
  const age_ms = isolate.revocations.age_ms(Date.now());
  return age_ms === null ? [] : [[seriesOf('ml_detector_revocations_age_seconds'), Math.round(age_ms / 1000)]];
}

/**
 * The version that judges. Loading those of all groups would cost too much here, and a promoted one is loaded by every isolate;
 * but where one was ever refused, only this tells whether it is.
 */
async function liveVersionOfGroup(
  c: AppContext,
  group: string,
  counted: Record<Series, number>,
): Promise<LiveVersion | null> {
  const wasRefused = seriesOf('ml_detector_models_refused_total', { cache: 'live' }) in counted;
  if (!wasRefused) return isolate.liveModels.of(group, bindingsOf(c.env).store, Date.now());
  const { manifest } = await isolate.models.status(group, modelContext(c));
  return manifest && liveVersionOf(manifest);
}

async function withTrainCounts({ train }: Bindings, own: Record<Series, number>): Promise<Record<Series, number>> {
  const all = { ...own };
  const counts = await inTime<Partial<TrainCounts>>(train.counts(), {}, 'train_counts_unread');
  for (const [name, count] of Object.entries(counts)) {
    const series = `ml_detector_${name}_total`;
    all[series] = (all[series] ?? 0) + count;
  }
  return all;
}
