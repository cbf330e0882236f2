/** What `GET` and `POST /detect/prom` take: which metrics of a Prometheus server are the features, and of which host. */
import * as z from 'zod';
import { selector } from './prom-selector.ts';

/** The measurements that a Prometheus server may hold: those of a network window that are one number. */
export const PROM_FEATURES = [
  'packets_per_second',
  'bytes_per_second',
  'bytes_in_per_second',
  'bytes_out_per_second',
  'unique_ips',
  'unique_ports',
  'tcp_packets',
  'udp_packets',
  'icmp_packets',
  'syn_packets',
  'avg_latency_ms',
  'max_latency_ms',
  'jitter_ms',
  'packet_loss_rate',
] as const;
export type PromFeature = (typeof PROM_FEATURES)[number];

export const PROM_PRESETS = ['ebpf', 'node_exporter'] as const;
export type PromPreset = (typeof PROM_PRESETS)[number];

const MAX_TERMS = 4;
const MAX_LABELS = 8;
const MAX_WINDOW_S = 3600;
const SECONDS = { s: 1, m: 60, h: 3600 } as const;

/** Seconds of `90s`, `5m` or `1h`. */
const rangeWindow = z
  .string()
  .regex(/^[1-9]\d{0,3}[smh]$/, 'must be a duration such as 30s, 5m or 1h')
  .transform((text) => Number(text.slice(0, -1)) * SECONDS[text.at(-1) as keyof typeof SECONDS])
  .pipe(z.number().max(MAX_WINDOW_S, `must be at most ${MAX_WINDOW_S / 3600}h`));

/** A metric, or several that are added up: `a_total + b_total{device="eth0"}`. */
export const metricSum = z
  .string()
  .max(600)
  .transform((text) => text.split(/ *\+ */))
  .pipe(z.array(selector).max(MAX_TERMS, `must be at most ${MAX_TERMS} metrics`));
export type MetricSum = z.output<typeof metricSum>;

/** As it stands between the quotes of a matcher: nothing there needs to be escaped, so nothing can end the quotes. */
const labelValue = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[^"\\\p{Cc}]*$/u, 'must hold no quote, backslash or control character');

/** Prometheus keeps names that begin with two underscores for itself. */
const labelName = z
  .string()
  .max(64)
  .regex(/^(?!__)[A-Za-z_][A-Za-z0-9_]*$/, 'must be a label name');

export const promRequest = z.object({
  window: rangeWindow.default(60).describe('Over which rates are taken: 30s, 5m, at most 1h; 1m where it is left out.'),
  preset: z.enum(PROM_PRESETS).default('ebpf'),
  instance: labelValue
    .optional()
    .describe('The `instance` label of one target; needed where the metrics have several.'),
  labels: z
    .record(labelName, labelValue)
    .refine((labels) => Object.keys(labels).length <= MAX_LABELS, `must be at most ${MAX_LABELS} labels`)
    .default({})
    .describe('Further labels that every metric must have, at most 8.'),
  metrics: z
    .partialRecord(z.enum(PROM_FEATURES), metricSum)
    .default({})
    .describe('Instead of the preset\'s, by feature: `a_total + b_total{device="eth0"}`.'),
});
export type PromRequest = z.output<typeof promRequest>;
