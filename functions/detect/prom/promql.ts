/** Writes the one PromQL expression that asks for all features at once. */
import type { MetricSum, PromFeature, PromRequest } from '../../../contract/prom-request.ts';
import type { Matcher, Selector } from '../../../contract/prom-selector.ts';

/** How values of a gauge within the window, and then of several series of one target, become one. */
const GAUGE: Record<PromFeature, readonly [over: 'avg' | 'max', across: 'sum' | 'avg' | 'max']> = {
  packets_per_second: ['avg', 'sum'],
  bytes_per_second: ['avg', 'sum'],
  bytes_in_per_second: ['avg', 'sum'],
  bytes_out_per_second: ['avg', 'sum'],
  // The same address may be counted on two interfaces: the largest is certain, a sum is not.
  unique_ips: ['max', 'max'],
  unique_ports: ['max', 'max'],
  tcp_packets: ['avg', 'sum'],
  udp_packets: ['avg', 'sum'],
  icmp_packets: ['avg', 'sum'],
  syn_packets: ['avg', 'sum'],
  avg_latency_ms: ['avg', 'avg'],
  max_latency_ms: ['max', 'max'],
  jitter_ms: ['avg', 'avg'],
  packet_loss_rate: ['avg', 'avg'],
};

/** The label of the answer that names the feature. */
export const FEATURE_LABEL = 'vigia_feature';

/**
 * One sample for each feature and target (`instance`). What is named `…_total` is a counter and read as its rate; all else is a gauge.
 * @param metrics of each feature that is asked for
 */
export function promQl(
  metrics: Partial<Record<PromFeature, MetricSum>>,
  { window, instance, labels }: Pick<PromRequest, 'window' | 'instance' | 'labels'>,
): string {
  const common = Object.entries(instance === undefined ? labels : { ...labels, instance }).map(
    ([label, value]): Matcher => ({ label, operator: '=', value }),
  );
  const features = Object.entries(metrics) as [PromFeature, MetricSum][];
  return features
    .map(([feature, terms]) => {
      const sum = terms.map((term) => perTarget(feature, term, common, window)).join(' + ');
      return `label_replace(${sum}, "${FEATURE_LABEL}", "${feature}", "", "")`;
    })
    .join(' or ');
}

function perTarget(feature: PromFeature, { metric, matchers }: Selector, common: Matcher[], window_s: number): string {
  const all = [{ label: '__name__', operator: '=' as const, value: metric }, ...matchers, ...common];
  const range = `{${all.map(({ label, operator, value }) => `${label}${operator}"${value}"`).join(',')}}[${window_s}s]`;
  if (metric.endsWith('_total')) return `sum by (instance) (rate(${range}))`;
  const [over, across] = GAUGE[feature];
  return `${across} by (instance) (${over}_over_time(${range}))`;
}
