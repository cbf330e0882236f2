/** `GET /health` and `GET /stats`. */
import { MODEL_NAMES, type ModelName } from '../../contract/features.ts';
import type { Health, Misconfigured, Stats } from '../../contract/status.ts';
import { VERSION } from '../../contract/version.ts';
import { predictedAlerts } from '../../models/calibration/predicted-alerts.ts';
import { readShadow } from '../storage/shadow-pointer.ts';
import type { CacheStatus } from './models/model-cache.ts';
import {
  type AppContext,
  askedGroup,
  bindingsOf,
  groupOf,
  incidentsOf,
  isolate,
  metricsOf,
  modelContext,
  webhooksOf,
} from './services.ts';
import { figuresOf } from './webhooks/figures.ts';

/** Open to everybody: says whether this deployment can work, and of the group's models only which are live. */
export async function health(c: AppContext): Promise<Response> {
  let misconfigured: string | null = null;
  try {
    bindingsOf(c.env);
  } catch (error) {
    misconfigured = error instanceof Error ? error.message : String(error);
  }
  const service = { service: 'vigia', version: VERSION } as const;
  if (misconfigured !== null)
    return c.json({ status: 'misconfigured', ...service, detail: misconfigured } satisfies Misconfigured, 503);

  // Without a token nobody chooses the group: each one asked for costs a look into storage and a place in the cache.
  const asked = askedGroup(c);
  const group = (bindingsOf(c.env).tokenKeys === null ? asked : null) ?? 'default';
  const models = await isolate.models.status(group, modelContext(c));
  return c.json({
    status: models.refusal === null ? 'ok' : 'degraded',
    ...service,
    group,
    models_trained: trained(models),
    model_version: models.manifest?.version ?? null,
    detection: models.manifest === null ? 'rules only: no model is trained yet' : 'rules and models',
    abstained: models.manifest?.abstained ?? {},
    refused_model: models.refusal,
    webhook: await webhookState(c),
  } satisfies Health);
}

export async function stats(c: AppContext): Promise<Response> {
  const bindings = bindingsOf(c.env);
  const group = groupOf(c);
  const incidents = incidentsOf(bindings, group);
  const metrics = metricsOf(bindings.metrics);
  await isolate.metrics.flush(metrics);
  for (const [name, tally] of isolate.shadowTallies.take(Date.now(), true))
    await incidentsOf(bindings, name).countShadow(tally);
  const webhooks = webhooksOf(bindings.webhooks);
  const [models, figures, totals, shadow, training, deliveries, { endpoints, refused }] = await Promise.all([
    isolate.models.status(group, modelContext(c)),
    incidents.figures(),
    metrics.totalsOf(group),
    shadowOf(c, group),
    bindings.trainings.getByName(group).state(),
    webhooks.figures(),
    webhooks.state(),
  ]);
  const { pending, dead, counts } = figuresOf(deliveries, group);
  const learned = models.manifest?.training;
  const hosts = Math.max(1, learned?.hosts ?? 1);
  return c.json({
    group,
    models_trained: trained(models),
    model_version: models.manifest?.version ?? null,
    refused_model: models.refusal,
    training_samples: learned?.windows ?? 0,
    high_confidence_samples: learned?.high_confidence_windows ?? 0,
    alert_budget_per_host_day: bindings.alertBudget,
    predicted_alerts_per_host_day: models.manifest && predictedAlerts(models.manifest.quality),
    measured_alerts_per_host_day: figures.incidents_last_24h / hosts,
    incidents_last_24h: figures.incidents_last_24h,
    alerts_last_24h: figures.alerts_last_24h,
    windows_total: totals?.ml_detector_windows_total ?? 0,
    posts_total: totals?.ml_detector_posts_total ?? 0,
    unknown_fields_total: totals?.ml_detector_unknown_fields_total ?? 0,
    alerts_total: figures.counters.alerts ?? 0,
    shadow,
    training,
    webhook: { pending, dead, configured: endpoints > 0, refused, delivered_total: counts.delivered },
  } satisfies Stats);
}

/** The version that was held back and is scored beside the live one, with how their verdicts compare; null where there is none. */
async function shadowOf(c: AppContext, group: string): Promise<Stats['shadow']> {
  const bindings = bindingsOf(c.env);
  const read = await readShadow(bindings.store, group);
  if (read === null || read === 'unchanged') return null;
  const tallies = await incidentsOf(bindings, group).shadows();
  const { version } = read.pointer;
  const none = { windows: 0, live_alerts: 0, shadow_alerts: 0, both_alerts: 0 };
  return { ...none, ...tallies.find((tally) => tally.version === version), ...read.pointer };
}

function trained({ manifest }: CacheStatus): Record<ModelName, boolean> {
  return Object.fromEntries(MODEL_NAMES.map((name) => [name, manifest?.models[name] !== undefined])) as Record<
    ModelName,
    boolean
  >;
}

/** A page on health must not fail with what it is about. */
async function webhookState(c: AppContext): Promise<string> {
  try {
    const { endpoints, disabled, refused } = await webhooksOf(bindingsOf(c.env).webhooks).state();
    if (endpoints === 0) return 'not configured: set WEBHOOK_URL, or "vigia webhooks add", to be told of incidents';
    if (refused !== null) return `WEBHOOK_URL ${refused}`;
    return disabled === 0 ? 'configured' : `${disabled} of ${endpoints} endpoints are disabled`;
  } catch (error) {
    return `unknown: ${error instanceof Error ? error.message : String(error)}`;
  }
}
