/** `GET /health` and `GET /stats`. */
import { MODEL_NAMES, type ModelName } from '../../contract/features.ts';
import { readWebhookSettings, type WebhookSettings } from './bindings.ts';
import { refuseTarget } from './incidents/webhook-target.ts';
import type { CacheStatus } from './models/model-cache.ts';
import { type AppContext, askedGroup, bindingsOf, groupOf, incidentsOf, isolate, modelContext } from './services.ts';
import { VERSION } from './version.ts';

/** Open to everybody: says whether this deployment can work, and of the group's models only which are live. */
export async function health(c: AppContext): Promise<Response> {
  let misconfigured: string | null = null;
  try {
    bindingsOf(c.env);
  } catch (error) {
    misconfigured = error instanceof Error ? error.message : String(error);
  }
  const service = { service: 'vigia', version: VERSION };
  if (misconfigured !== null) return c.json({ status: 'misconfigured', ...service, detail: misconfigured }, 503);

  // Without a token nobody chooses the group: each one asked for costs a look into storage and a place in the cache.
  const group = (bindingsOf(c.env).tokenKey === null ? askedGroup(c) : null) ?? 'default';
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
    webhook: webhookState(readWebhookSettings(c.env)),
  });
}

export async function stats(c: AppContext): Promise<Response> {
  const bindings = bindingsOf(c.env);
  const group = groupOf(c);
  const incidents = incidentsOf(bindings, group);
  for (const [name, usage] of isolate.usage.take(Date.now(), true)) await incidentsOf(bindings, name).count(usage);
  const [models, figures] = await Promise.all([isolate.models.status(group, modelContext(c)), incidents.figures()]);
  const training = models.manifest?.training;
  const hosts = Math.max(1, training?.hosts ?? 1);
  return c.json({
    group,
    models_trained: trained(models),
    model_version: models.manifest?.version ?? null,
    training_samples: training?.windows ?? 0,
    high_confidence_samples: training?.high_confidence_windows ?? 0,
    alert_budget_per_host_day: bindings.alertBudget,
    measured_alerts_per_host_day: figures.incidents_last_24h / hosts,
    incidents_last_24h: figures.incidents_last_24h,
    alerts_last_24h: figures.alerts_last_24h,
    windows_total: figures.counters.windows ?? 0,
    posts_total: figures.counters.posts ?? 0,
    unknown_fields_total: figures.counters.unknown_fields ?? 0,
    alerts_total: figures.counters.alerts ?? 0,
    webhook: {
      ...figures.webhook,
      delivered_total: figures.counters.webhooks_delivered ?? 0,
    },
  });
}

function trained({ manifest }: CacheStatus): Record<ModelName, boolean> {
  return Object.fromEntries(MODEL_NAMES.map((name) => [name, manifest?.models[name] !== undefined])) as Record<
    ModelName,
    boolean
  >;
}

function webhookState({ url, allowPrivate }: WebhookSettings): string {
  if (url === null) return 'not configured: set WEBHOOK_URL to be told of incidents';
  return refuseTarget(url, allowPrivate) ?? 'configured';
}
