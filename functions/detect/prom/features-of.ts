/** Turns the samples of a Prometheus server into the features of one host, and says what is not among them. */
import { flatObject } from '../../../contract/detect-request.ts';
import type { PromAnswer } from '../../../contract/prom-answer.ts';
import type { MetricSum, PromFeature } from '../../../contract/prom-request.ts';
import { HttpProblem } from '../../http/problem.ts';
import type { PromSample } from './prometheus.ts';
import { FEATURE_LABEL } from './promql.ts';

const MAX_LISTED_INSTANCES = 20;

export type PromFeatures = Pick<PromAnswer, 'instance' | 'features' | 'absent'>;

/**
 * @param metrics that were asked for
 * @throws HttpProblem 422 where the samples are of several targets, or there are none
 */
export function featuresOf(
  samples: readonly PromSample[],
  metrics: Partial<Record<PromFeature, MetricSum>>,
  window_s: number,
): PromFeatures {
  const instances = [...new Set(samples.map(({ labels }) => labels.instance ?? ''))].sort();
  if (instances.length > 1) throw severalTargets(instances);
  const values = new Map(samples.map(({ labels, value }) => [labels[FEATURE_LABEL], value]));
  const features: PromFeatures['features'] = {};
  const absent: PromFeatures['absent'] = [];
  for (const [name, terms] of Object.entries(metrics)) {
    const feature = name as PromFeature;
    const value = values.get(feature);
    const wrong = flatObject.shape[feature].safeParse(value).error?.issues[0]?.message;
    if (value !== undefined && wrong === undefined) features[feature] = value;
    else {
      const reason = wrong === undefined ? `no samples in the last ${window_s} s` : `its value is ${value}: ${wrong}`;
      absent.push({ feature, metrics: terms.map(({ metric }) => metric), reason });
    }
  }
  if (Object.keys(features).length === 0) throw nothingFound(absent, window_s);
  return { instance: instances[0] || null, features, absent };
}

function severalTargets(instances: readonly string[]): HttpProblem {
  const more = instances.length > MAX_LISTED_INSTANCES ? ', …' : '';
  return new HttpProblem(
    422,
    `The metrics are of ${instances.length} targets; name one by "instance": ${instances.slice(0, MAX_LISTED_INSTANCES).join(', ')}${more}`,
  );
}

function nothingFound(absent: PromFeatures['absent'], window_s: number): HttpProblem {
  return new HttpProblem(
    422,
    `Prometheus has none of the metrics in the last ${window_s} s. A rate needs two scrapes in the window; "preset": "node_exporter", "metrics" or PROM_METRIC_* name other metrics.`,
    {
      errors: absent.map(({ feature, metrics, reason }) => ({
        path: feature,
        message: `${metrics.join(' + ')}: ${reason}`,
      })),
    },
  );
}
