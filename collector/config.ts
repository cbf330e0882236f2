/** The collector's settings, from options and the environment, checked once. */
import { hostname } from 'node:os';
import { z } from 'zod';
import { fieldErrors } from '../contract/problem.ts';
import { groupName, label } from '../contract/quantity.ts';

/** Settings that make no sense; names each with what was expected. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

const url = z.url({ protocol: /^https?$/, error: 'must be an address such as https://vigia.example.com' });

const config = z.object({
  to: url,
  sources: z.array(z.string().min(1)).min(1, 'name at least one, such as ebpf:eth0'),
  host: label,
  group: groupName,
  spoolDir: z.string().min(1),
  tokenFile: z.string().min(1).nullable(),
  period_ms: z.number().int().min(100).max(60_000),
  postEvery_ms: z.number().int().min(100).max(60_000),
  timeout_ms: z.number().int().positive(),
  local: z.array(z.string()),
  /** Host and port of /metrics and /healthz; null: neither is served. */
  metrics: z
    .string()
    .regex(/^(\[[0-9A-Fa-f:]+\]|[^:\s]+):\d{1,5}$/, 'must be HOST:PORT, such as 127.0.0.1:9477')
    .nullable(),
});

export type CollectorConfig = z.output<typeof config>;

/** What the command line gives; absent is filled from the environment, then from the defaults. */
export interface CollectorOptions {
  to?: string;
  source?: string[];
  host?: string;
  group?: string;
  spool?: string;
  tokenFile?: string;
  periodMs?: number;
  local?: string[];
  metrics?: string;
}

/** The option that sets a field, as errors name it. */
const OPTION: Record<string, string> = {
  to: '--to (VIGIA_TO)',
  sources: '--source (VIGIA_SOURCE)',
  host: '--host (VIGIA_HOST)',
  group: '--group (VIGIA_GROUP)',
  spoolDir: '--spool (VIGIA_SPOOL_DIR)',
  tokenFile: '--token-file (VIGIA_TOKEN_FILE)',
  period_ms: '--period-ms',
  metrics: '--metrics (VIGIA_METRICS)',
};

/** @throws ConfigError naming every wrong option, with what was expected */
export function readConfig(options: CollectorOptions, environment: NodeJS.ProcessEnv = process.env): CollectorConfig {
  const parsed = config.safeParse({
    to: options.to ?? environment.VIGIA_TO,
    sources: options.source ?? environment.VIGIA_SOURCE?.split(/\s+/).filter(Boolean) ?? [],
    host: options.host ?? environment.VIGIA_HOST ?? ownHost(),
    group: options.group ?? environment.VIGIA_GROUP ?? 'default',
    spoolDir: options.spool ?? environment.VIGIA_SPOOL_DIR ?? '.vigia/spool',
    tokenFile: options.tokenFile ?? environment.VIGIA_TOKEN_FILE ?? null,
    period_ms: options.periodMs ?? 1000,
    postEvery_ms: 2000,
    timeout_ms: 10_000,
    local: options.local ?? ['auto'],
    metrics: options.metrics ?? environment.VIGIA_METRICS ?? null,
  });
  if (parsed.success) return parsed.data;
  const lines = fieldErrors(parsed.error).map(
    ({ path, message }) => `${OPTION[path.split(/[.[]/)[0] ?? ''] ?? path}: ${message}`,
  );
  throw new ConfigError(lines.join('; '));
}

/** The host's own name, made to fit where the contract is stricter than the kernel. */
export function ownHost(): string {
  return (
    hostname()
      .replace(/[^A-Za-z0-9._-]/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 128) || 'host'
  );
}
