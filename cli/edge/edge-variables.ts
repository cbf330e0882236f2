/** The variables that the edge takes over from the environment of its command. */
import type { Logger } from 'pino';
import { PROM_FEATURES } from '../../contract/prom-request.ts';
import { DEFAULT_THRESHOLDS } from '../../contract/thresholds.ts';
import { LIMIT_VARIABLES } from '../../functions/detect/limits/read-quotas.ts';
import { webhookSecret } from '../webhook-secret.ts';
import { STORAGE_VARIABLES } from './storage-variables.ts';

const PASSED_ON = [
  'ALERT_BUDGET',
  'CORS_ORIGINS',
  'DASHBOARD_URL',
  'INCIDENT_QUIET_S',
  'INCIDENT_REOPEN_S',
  'INCIDENT_RETENTION_DAYS',
  ...LIMIT_VARIABLES,
  'PROMETHEUS_URL',
  ...PROM_FEATURES.map((feature) => `PROM_METRIC_${feature.toUpperCase()}`),
  'TOKEN_KEY',
  'TOKEN_KEY_PREVIOUS',
  'TRAINING_ENABLED',
  'WEBHOOK_ALLOW_PRIVATE',
  'WEBHOOK_SECRET',
  'WEBHOOK_URL',
  ...STORAGE_VARIABLES,
  ...Object.keys(DEFAULT_THRESHOLDS),
];

export function variablesOf(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const vars: Record<string, string> = {};
  for (const name of PASSED_ON) {
    const value = environment[name];
    if (value !== undefined) vars[name] = value;
  }
  return vars;
}

/** With a secret of this machine's own where webhooks are posted and none is given. */
export function withWebhookSecret(vars: Record<string, string>, stateDir: string, log: Logger): Record<string, string> {
  if (!vars.WEBHOOK_URL || vars.WEBHOOK_SECRET) return vars;
  const { secret, file } = webhookSecret(stateDir);
  log.info({ event: 'webhook', url: vars.WEBHOOK_URL, signing_secret_in: file });
  return { ...vars, WEBHOOK_SECRET: secret };
}
