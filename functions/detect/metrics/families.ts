/** Every metric of the edge: its name, what it says, and its labels; all label sets are finite (docs/metrics.md). */

export interface Family {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** Upper bounds of a histogram's buckets, ascending, without +Inf. */
  readonly buckets?: readonly number[];
}

const SCORE = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

export const FAMILIES = {
  ml_detector_requests_total: { type: 'counter', help: 'Requests answered, by route and class of status.' },
  ml_detector_rate_limited_total: { type: 'counter', help: 'Requests answered with 429, by the limit that they met.' },
  ml_detector_rate_limit_forgotten_total: {
    type: 'counter',
    help: 'Callers whose count was forgotten, since an isolate remembers so many only.',
  },
  ml_detector_revocations_read_failures_total: {
    type: 'counter',
    help: 'Reads of the list of revoked tokens that failed.',
  },
  ml_detector_revocations_age_seconds: {
    type: 'gauge',
    help: 'Since the isolate that answers read the list of revoked tokens.',
  },
  ml_detector_rejected_fields_total: { type: 'counter', help: 'Fields that a request was refused for.' },
  ml_detector_processing_seconds: {
    type: 'histogram',
    help: 'From the arrival of a POST /detect to its answer.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
  },
  ml_detector_posts_total: { type: 'counter', help: 'Posts that were judged.' },
  ml_detector_windows_total: { type: 'counter', help: 'Windows that were judged.' },
  ml_detector_unknown_fields_total: { type: 'counter', help: 'Fields that no schema knows, and that were ignored.' },
  ml_detector_threats_total: { type: 'counter', help: 'Threats in judged windows, by type and level.' },
  ml_detector_anomaly_score: {
    type: 'histogram',
    help: 'Consensus of the models on windows that at least one judged.',
    buckets: SCORE,
  },
  ml_detector_dbscan_anomaly_score: {
    type: 'histogram',
    help: 'Score of the spatial model (DBSCAN).',
    buckets: SCORE,
  },
  ml_detector_vae_reconstruction_error: {
    type: 'histogram',
    help: 'Score of the temporal model: its reconstruction error, calibrated to 0 … 1.',
    buckets: SCORE,
  },
  ml_detector_zmad_anomaly_score: {
    type: 'histogram',
    help: 'Score of the statistical model (ZMAD).',
    buckets: SCORE,
  },
  ml_detector_feature_values: { type: 'gauge', help: 'Features of the network window that was judged last.' },
  ml_detector_model_retrain_total: { type: 'counter', help: 'Training runs, by what became of them.' },
  ml_detector_model_retrain_seconds: {
    type: 'histogram',
    help: 'How long a training run took.',
    buckets: [1, 2.5, 5, 10, 30, 60, 120, 300, 600],
  },
  ml_detector_last_training_timestamp_seconds: {
    type: 'gauge',
    help: 'When a training last ended so, by what became of it.',
  },
  ml_detector_training_losses_total: {
    type: 'counter',
    help: 'What trainings could not read of the stored windows, by what it was.',
  },
  ml_detector_training_window_size: { type: 'gauge', help: 'Windows that the live version was trained on.' },
  ml_detector_training_data_quality: {
    type: 'gauge',
    help: 'Share of those windows that are normal with high confidence.',
  },
  ml_detector_advanced_model_status: { type: 'gauge', help: '1 where the model is part of the version that judges.' },
  ml_detector_model_created_timestamp_seconds: { type: 'gauge', help: 'When the live version was trained.' },
  ml_detector_models_refused_total: {
    type: 'counter',
    help: 'Promoted or shadow versions that were refused as they were loaded, counted at each attempt.',
  },
  ml_detector_windows_by_rules_alone_total: {
    type: 'counter',
    help: 'Windows judged by rules alone since the models of their group were refused or could not be read.',
  },
  ml_detector_model_cache_loads_total: { type: 'counter', help: 'Versions of models that isolates loaded.' },
  ml_detector_model_cache_evictions_total: {
    type: 'counter',
    help: 'Versions of models that isolates let go to make room for those of other groups.',
  },
  ml_detector_window_buffer_pending_characters: {
    type: 'gauge',
    help: 'Characters of windows that wait in the buffer for storage; full at 268435456.',
  },
  ml_detector_window_flush_failures_total: {
    type: 'counter',
    help: 'Attempts to write buffered windows to storage that failed; what they carried is tried again.',
  },
  ml_detector_window_posts_refused_total: {
    type: 'counter',
    help: 'Posts answered 503 since the buffer was full.',
  },
  ml_detector_queue_retries_total: {
    type: 'counter',
    help: 'Deliveries of the Queue of windows that storage did not take, and that come again.',
  },
  ml_detector_queue_dead_letters_total: {
    type: 'counter',
    help: 'Messages that came to the dead-letter queue, where they are tried on.',
  },
  ml_detector_queue_foreign_messages_total: {
    type: 'counter',
    help: 'Messages of a Queue that are none of ours, and were dropped.',
  },
  ml_detector_upkeep_failures_total: {
    type: 'counter',
    help: 'How often stored windows or models of a group could not be merged or deleted at their time.',
  },
  ml_detector_alerts_total: { type: 'counter', help: 'Windows that raised an alert, a repeated one counted once.' },
  ml_detector_alerts_muted_total: {
    type: 'counter',
    help: 'Of these, recorded and not told: under maintenance, or of allowed sources only.',
  },
  ml_detector_incidents_total: { type: 'counter', help: 'Incidents that were opened.' },
  ml_detector_incidents_forgotten_total: {
    type: 'counter',
    help: 'Incidents deleted, past INCIDENT_RETENTION_DAYS or the 10,000 of a group.',
  },
  ml_detector_alert_windows_forgotten_total: {
    type: 'counter',
    help: 'Windows with an alert that are remembered no longer, past the 50,000 of a group.',
  },
  ml_detector_alerts_crowded_total: {
    type: 'counter',
    help: 'Alerts that joined the newest incident of their host, which is another, since 32 were open.',
  },
  ml_detector_attackers_unnamed_total: {
    type: 'counter',
    help: 'Alerts of which an incident or campaign does not name every attacker, since it names 32.',
  },
  ml_detector_campaigns_total: { type: 'counter', help: 'Campaigns that were opened.' },
  ml_detector_campaigns_refused_total: {
    type: 'counter',
    help: 'Campaigns not opened since too many went on; their incidents were told one by one.',
  },
  ml_detector_incidents_open: { type: 'gauge', help: 'Incidents that are not over, by state.' },
  ml_detector_stream_listeners_refused_total: {
    type: 'counter',
    help: 'Listeners of the live stream that were refused, since 32 listened.',
  },
  ml_detector_stream_listeners_dropped_total: {
    type: 'counter',
    help: 'Listeners of the live stream that were let go, since they read too slowly.',
  },
  ml_detector_webhook_deliveries_total: {
    type: 'counter',
    help: 'Attempts to deliver a webhook, by result; dead: given up after the last retry.',
  },
  ml_detector_webhook_waiting: { type: 'gauge', help: 'Webhooks that wait to be delivered.' },
  ml_detector_webhook_dead_letters: { type: 'gauge', help: 'Webhooks given up, which can be replayed.' },
  ml_detector_webhook_dropped_total: { type: 'counter', help: 'Webhooks that are gone for good, by what took them.' },
  ml_detector_webhook_endpoint_state: {
    type: 'gauge',
    help: '1: the endpoint is enabled, disabled by its owner, or given_up for failing.',
  },
} as const satisfies Record<string, Family>;

export type MetricName = keyof typeof FAMILIES;
export type HistogramName = {
  [Name in MetricName]: (typeof FAMILIES)[Name]['type'] extends 'histogram' ? Name : never;
}[MetricName];
