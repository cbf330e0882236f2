/** The environment of the public Worker, checked once: what is missing is told by name and with the remedy. */

import { type MetricSum, metricSum, PROM_FEATURES, type PromFeature } from '../../contract/prom-request.ts';
import type { WindowPost } from '../../contract/stored-window.ts';
import { DEFAULT_ALERT_BUDGET_PER_HOST_DAY, readThresholds, type Thresholds } from '../../contract/thresholds.ts';
import { signingKey } from '../../contract/token.ts';
import { BindingsError } from '../bindings-error.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { openStore, type StorageBindings } from '../storage/open-store.ts';
import type { TrainService } from '../train/service.ts';
import { readOrigins } from './cors-origins.ts';
import { readDashboardUrl } from './dashboard-url.ts';
import type { Incidents } from './incidents/incidents.ts';
import type { Pace } from './incidents/pace.ts';
import type { AddressSource } from './limits/client-address.ts';
import { type LimitVariables, readAddressSource, readQuotas } from './limits/read-quotas.ts';
import type { Quotas } from './limits/request-limits.ts';
import type { Metrics } from './metrics/metrics.ts';
import type { PrometheusServer } from './prom/prometheus.ts';
import type { TrainingMessage } from './training/every-group.ts';
import type { Trainings } from './training/trainings.ts';
import type { Webhooks } from './webhooks/webhooks.ts';
import type { WindowBuffer } from './windows/window-buffer.ts';

/** As the platform hands it over; every name is set in wrangler.toml, by `wrangler secret put`, or by the embedded runtime. */
export interface UncheckedBindings extends StorageBindings, LimitVariables {
  WINDOWS?: Queue<WindowPost>;
  INCIDENTS?: DurableObjectNamespace<Incidents>;
  WINDOW_BUFFER?: DurableObjectNamespace<WindowBuffer>;
  METRICS?: DurableObjectNamespace<Metrics>;
  TRAININGS?: DurableObjectNamespace<Trainings>;
  TRAINING_QUEUE?: Queue<TrainingMessage>;
  WEBHOOKS?: DurableObjectNamespace<Webhooks>;
  TRAIN?: Service<TrainService & Rpc.WorkerEntrypointBranded>;
  CLASSIFY?: Fetcher;
  /** HS256 key of the tokens, at least 32 bytes; white space around it is no part of it. */
  TOKEN_KEY?: string;
  /** The key before it: tokens that it signed are taken too, while new ones are handed out. */
  TOKEN_KEY_PREVIOUS?: string;
  /** `true` only in the embedded runtime on loopback: without a key, no token is asked for. */
  EMBEDDED?: string;
  /** Origins whose pages may read answers, by spaces. */
  CORS_ORIGINS?: string;
  /** Where people open this edge in a browser; what is told of an incident links there. */
  DASHBOARD_URL?: string;
  WINDOW_DELIVERY?: string;
  ALERT_BUDGET?: string;
  TRAINING_ENABLED?: string;
  WEBHOOK_URL?: string;
  WEBHOOK_SECRET?: string;
  WEBHOOK_ALLOW_PRIVATE?: string;
  INCIDENT_QUIET_S?: string;
  INCIDENT_REOPEN_S?: string;
  INCIDENT_RETENTION_DAYS?: string;
  /** The server that /detect/prom asks; the only one. */
  PROMETHEUS_URL?: string;
  /** The way to it where it stands in a private network; else it is called over the public one. */
  PROMETHEUS?: Fetcher;
  /** The metric of a feature, such as PROM_METRIC_UNIQUE_IPS. */
  [metric: `PROM_METRIC_${string}`]: string | undefined;
}

export interface Bindings extends IncidentSettings {
  readonly store: ObjectStore;
  /** To the train Worker; null: windows go straight into the buffer object, durable once answered. */
  readonly windowQueue: Queue<WindowPost> | null;
  readonly incidents: DurableObjectNamespace<Incidents>;
  readonly windowBuffer: DurableObjectNamespace<WindowBuffer>;
  readonly metrics: DurableObjectNamespace<Metrics>;
  readonly trainings: DurableObjectNamespace<Trainings>;
  /** Hands out the nightly trainings; null where they run one after another in this process. */
  readonly trainingQueue: Queue<TrainingMessage> | null;
  readonly train: TrainService;
  readonly classify: Fetcher;
  /** The newest first; `null` where no token is needed. */
  readonly tokenKeys: readonly Uint8Array[] | null;
  readonly quotas: Quotas;
  readonly addressSource: AddressSource;
  readonly corsOrigins: readonly string[];
  readonly alertBudget: number;
  readonly trainingEnabled: boolean;
  readonly thresholds: Thresholds;
  /** Null: /detect/prom is not served. */
  readonly prometheus: PrometheusServer | null;
  /** Instead of the preset's. */
  readonly promMetrics: Partial<Record<PromFeature, MetricSum>>;
}

/** Of the endpoint "default", and of every other what targets are allowed. */
export interface WebhookSettings {
  readonly url: string | null;
  readonly secret: string | null;
  readonly allowPrivate: boolean;
}

export interface IncidentSettings {
  readonly webhooks: DurableObjectNamespace<Webhooks>;
  /** Ends in a slash; null: what is told links nowhere. */
  readonly dashboardUrl: string | null;
}

/** RFC 7518 section 3.2: an HS256 key has at least 256 bits. */
const MIN_KEY_BYTES = 32;

/** @throws BindingsError, InvalidThresholdError */
export function checkBindings(env: UncheckedBindings): Bindings {
  return {
    store: openStore(env),
    windowQueue: readDelivery(env) === 'queue' ? present(env, 'WINDOWS') : null,
    incidents: present(env, 'INCIDENTS'),
    windowBuffer: present(env, 'WINDOW_BUFFER'),
    metrics: present(env, 'METRICS'),
    trainings: present(env, 'TRAININGS'),
    trainingQueue: readDelivery(env) === 'queue' || env.TRAINING_QUEUE ? present(env, 'TRAINING_QUEUE') : null,
    ...readIncidentSettings(env),
    train: present(env, 'TRAIN'),
    classify: present(env, 'CLASSIFY'),
    tokenKeys: readTokenKeys(env),
    quotas: readQuotas(env),
    addressSource: readAddressSource(env),
    corsOrigins: readOrigins(env.CORS_ORIGINS),
    alertBudget: readNumber(env, 'ALERT_BUDGET', DEFAULT_ALERT_BUDGET_PER_HOST_DAY),
    trainingEnabled: env.TRAINING_ENABLED !== 'false',
    thresholds: readThresholds({ ...env }),
    prometheus: readPrometheus(env),
    promMetrics: readPromMetrics(env),
  };
}

export function readWebhookSettings(env: UncheckedBindings): WebhookSettings {
  return {
    url: env.WEBHOOK_URL || null,
    secret: env.WEBHOOK_SECRET || null,
    allowPrivate: env.WEBHOOK_ALLOW_PRIVATE === 'true',
  };
}

/** @throws BindingsError */
export function readPace(env: UncheckedBindings): Pace {
  return {
    quietMs: readNumber(env, 'INCIDENT_QUIET_S', 120) * 1000,
    reopenMs: readNumber(env, 'INCIDENT_REOPEN_S', 600) * 1000,
    retentionMs: readNumber(env, 'INCIDENT_RETENTION_DAYS', 90) * 86_400_000,
  };
}

/** @throws BindingsError */
export function readIncidentSettings(env: UncheckedBindings): IncidentSettings {
  return { webhooks: present(env, 'WEBHOOKS'), dashboardUrl: readDashboardUrl(env.DASHBOARD_URL) };
}

function present<Name extends keyof UncheckedBindings>(
  env: UncheckedBindings,
  name: Name,
): NonNullable<UncheckedBindings[Name]> {
  const value = env[name];
  if (value === undefined || value === null)
    throw new BindingsError(name, 'the binding is missing; compare your wrangler.toml with the one of the repository');
  return value;
}

function readTokenKeys(env: UncheckedBindings): Uint8Array[] | null {
  const { TOKEN_KEY = '', TOKEN_KEY_PREVIOUS = '', EMBEDDED } = env;
  if (TOKEN_KEY === '' && EMBEDDED === 'true') return null;
  if (TOKEN_KEY === '')
    throw new BindingsError(
      'TOKEN_KEY',
      'no signing key, so nobody can be told from anybody; run: openssl rand -base64 48 | npx wrangler secret put TOKEN_KEY',
    );
  const given = { TOKEN_KEY, ...(TOKEN_KEY_PREVIOUS !== '' && { TOKEN_KEY_PREVIOUS }) };
  return Object.entries(given).map(([name, text]) => {
    const key = signingKey(text);
    if (key.length >= MIN_KEY_BYTES) return key;
    throw new BindingsError(
      name,
      `is shorter than ${MIN_KEY_BYTES} bytes; run: openssl rand -base64 48 | npx wrangler secret put ${name}`,
    );
  });
}

function readDelivery(env: UncheckedBindings): 'queue' | 'direct' {
  const delivery = env.WINDOW_DELIVERY || 'queue';
  if (delivery !== 'queue' && delivery !== 'direct')
    throw new BindingsError('WINDOW_DELIVERY', 'must be queue or direct');
  return delivery;
}

type NumberName = 'ALERT_BUDGET' | 'INCIDENT_QUIET_S' | 'INCIDENT_REOPEN_S' | 'INCIDENT_RETENTION_DAYS';

function readNumber(env: UncheckedBindings, name: NumberName, fallback: number): number {
  const text = env[name] ?? '';
  const value = text === '' ? fallback : Number(text);
  if (!Number.isFinite(value) || value <= 0)
    throw new BindingsError(name, `must be a number above 0, or unset for ${fallback}`);
  return value;
}

function readPrometheus({ PROMETHEUS_URL, PROMETHEUS }: UncheckedBindings): PrometheusServer | null {
  if (!PROMETHEUS_URL) return null;
  const url = URL.parse(PROMETHEUS_URL);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new BindingsError('PROMETHEUS_URL', 'must be an address such as http://127.0.0.1:9090, or unset');
  return { url, fetch: (input, init) => (PROMETHEUS ?? globalThis).fetch(input, init) };
}

function readPromMetrics(env: UncheckedBindings): Partial<Record<PromFeature, MetricSum>> {
  const metrics: Partial<Record<PromFeature, MetricSum>> = {};
  for (const feature of PROM_FEATURES) {
    const variable = `PROM_METRIC_${feature.toUpperCase()}` as const;
    const text = env[variable];
    if (!text) continue;
    const parsed = metricSum.safeParse(text);
    if (!parsed.success) throw new BindingsError(variable, parsed.error.issues[0]?.message ?? 'is no metric');
    metrics[feature] = parsed.data;
  }
  return metrics;
}
