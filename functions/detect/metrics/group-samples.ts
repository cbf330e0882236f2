/** Samples that are not counted by isolates but read where they are kept: of a group's incidents, webhooks and models. */
import { MODEL_NAMES } from '../../../contract/features.ts';
import type { EndpointView } from '../../../contract/webhook-endpoint.ts';
import type { IncidentFigures } from '../incidents/incidents.ts';
import type { WebhookFigures } from '../webhooks/figures.ts';
import type { BufferFigures } from '../windows/window-buffer.ts';
import { type Labels, type Series, seriesOf } from './exposition.ts';
import type { MetricName } from './families.ts';
import type { LiveVersion } from './live-models.ts';

type Sample = [Series, number];

const sample = (name: MetricName, labels: Labels, value: number): Sample => [seriesOf(name, labels), value];

export function incidentSamples({ counters, open }: IncidentFigures): Sample[] {
  return [
    sample('ml_detector_alerts_total', {}, counters.alerts ?? 0),
    sample('ml_detector_incidents_total', {}, counters.incidents ?? 0),
    sample('ml_detector_alerts_muted_total', {}, counters.alerts_muted ?? 0),
    sample('ml_detector_incidents_forgotten_total', {}, counters.incidents_forgotten ?? 0),
    sample('ml_detector_alert_windows_forgotten_total', {}, counters.alert_windows_forgotten ?? 0),
    sample('ml_detector_alerts_crowded_total', {}, counters.alerts_crowded ?? 0),
    sample('ml_detector_attackers_unnamed_total', {}, counters.attackers_unnamed ?? 0),
    sample('ml_detector_campaigns_total', {}, counters.campaigns ?? 0),
    sample('ml_detector_campaigns_refused_total', {}, counters.campaigns_refused ?? 0),
    sample('ml_detector_stream_listeners_refused_total', {}, counters.listeners_refused ?? 0),
    sample('ml_detector_stream_listeners_dropped_total', {}, counters.listeners_dropped ?? 0),
    ...Object.entries(open).map(([state, count]) => sample('ml_detector_incidents_open', { state }, count)),
    sample('ml_detector_webhook_dropped_total', { reason: 'not_handed_over' }, counters.webhooks_dropped ?? 0),
  ];
}

export function bufferSamples({ pendingCharacters, flushFailures }: BufferFigures): Sample[] {
  return [
    sample('ml_detector_window_buffer_pending_characters', {}, pendingCharacters),
    sample('ml_detector_window_flush_failures_total', {}, flushFailures),
  ];
}

export function webhookSamples({ pending, dead, counts }: WebhookFigures): Sample[] {
  const results = ['delivered', 'failed', 'dead'] as const;
  const dropped = { full: counts.dropped_full, expired: counts.dropped_expired, deleted: counts.dropped_deleted };
  return [
    ...results.map((result) => sample('ml_detector_webhook_deliveries_total', { result }, counts[result])),
    ...Object.entries(dropped).map(([reason, count]) => sample('ml_detector_webhook_dropped_total', { reason }, count)),
    sample('ml_detector_webhook_waiting', {}, pending),
    sample('ml_detector_webhook_dead_letters', {}, dead),
  ];
}

export function endpointSamples(endpoints: readonly EndpointView[]): Sample[] {
  return endpoints.map(({ id: endpoint, format, enabled, disabled_reason }) => {
    const state = enabled ? 'enabled' : disabled_reason === null ? 'disabled' : 'given_up';
    return sample('ml_detector_webhook_endpoint_state', { endpoint, format, state }, 1);
  });
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
