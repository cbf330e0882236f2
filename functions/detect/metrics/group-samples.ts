/** Samples that are not counted by isolates but read where they are kept: of a group's incidents, webhooks and models. */
import { MODEL_NAMES } from '../../../contract/features.ts';
import type { IncidentFigures } from '../incidents/incidents.ts';
import { type Labels, type Series, seriesOf } from './exposition.ts';
import type { MetricName } from './families.ts';
import type { LiveVersion } from './live-models.ts';

type Sample = [Series, number];

const sample = (name: MetricName, labels: Labels, value: number): Sample => [seriesOf(name, labels), value];

export function incidentSamples({ counters, open, webhook }: IncidentFigures): Sample[] {
  const deliveries = (result: string, counter: string): Sample =>
    sample('ml_detector_webhook_deliveries_total', { result }, counters[counter] ?? 0);
  return [
    sample('ml_detector_alerts_total', {}, counters.alerts ?? 0),
    sample('ml_detector_incidents_total', {}, counters.incidents ?? 0),
    sample('ml_detector_alerts_muted_total', {}, counters.alerts_muted ?? 0),
    sample('ml_detector_incidents_forgotten_total', {}, counters.incidents_forgotten ?? 0),
    sample('ml_detector_campaigns_total', {}, counters.campaigns ?? 0),
    sample('ml_detector_campaigns_refused_total', {}, counters.campaigns_refused ?? 0),
    ...Object.entries(open).map(([state, count]) => sample('ml_detector_incidents_open', { state }, count)),
    deliveries('delivered', 'webhooks_delivered'),
    deliveries('failed', 'webhooks_failed'),
    deliveries('dead', 'webhooks_dead'),
    sample('ml_detector_webhook_waiting', {}, webhook.pending),
    sample('ml_detector_webhook_dead_letters', {}, webhook.dead),
  ];
}

/** @param live null: none */
export function modelSamples(live: LiveVersion | null): Sample[] {
  const version = live?.version ?? '';
  const status = MODEL_NAMES.map((model_name) =>
    sample('ml_detector_advanced_model_status', { model_name, version }, live?.models.includes(model_name) ? 1 : 0),
  );
  if (live === null) return status;
  const { windows, high_confidence_windows } = live.training;
  return [
    ...status,
    sample('ml_detector_model_created_timestamp_seconds', {}, Date.parse(live.created_at) / 1000),
    sample('ml_detector_training_window_size', {}, windows),
    sample('ml_detector_training_data_quality', {}, windows === 0 ? 0 : high_confidence_windows / windows),
  ];
}
