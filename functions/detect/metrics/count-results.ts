/** Counts what was judged: windows, threats, scores and the features of the last network window. */
import type { FlatObject } from '../../../contract/detect-request.ts';
import { NETWORK_FEATURES } from '../../../contract/features.ts';
import type { Result } from '../../../contract/result.ts';
import type { Tally } from './tally.ts';

/**
 * @param windows what was judged, in the order of `results`
 * @param lacksModels whether the group has models that could not judge
 */
export function countResults(
  tally: Tally,
  group: string,
  windows: readonly FlatObject[],
  results: readonly Result[],
  lacksModels: boolean,
): void {
  tally.add(group, 'ml_detector_posts_total');
  tally.add(group, 'ml_detector_windows_total', {}, results.length);
  const byRules = lacksModels ? results.filter(({ model_version }) => model_version === null).length : 0;
  if (byRules > 0) tally.add(group, 'ml_detector_windows_by_rules_alone_total', {}, byRules);
  for (const { threat_types, level, model_scores, scores } of results) {
    for (const threat_type of threat_types)
      tally.add(group, 'ml_detector_threats_total', { threat_type, confidence_level: level });
    const { spatial, temporal, statistical } = model_scores;
    if (spatial !== undefined) tally.observe('ml_detector_dbscan_anomaly_score', spatial);
    if (temporal !== undefined) tally.observe('ml_detector_vae_reconstruction_error', temporal);
    if (statistical !== undefined) tally.observe('ml_detector_zmad_anomaly_score', statistical);
    if (spatial !== undefined || temporal !== undefined || statistical !== undefined)
      tally.observe('ml_detector_anomaly_score', scores.consensus);
  }
  const last = windows.findLast((window) => NETWORK_FEATURES.some((feature) => typeof window[feature] === 'number'));
  for (const feature_name of NETWORK_FEATURES) {
    const value = last?.[feature_name];
    if (typeof value === 'number') tally.set(group, 'ml_detector_feature_values', { feature_name }, value);
  }
}

export function countUnknownFields(tally: Tally, group: string, fields: number): void {
  if (fields > 0) tally.add(group, 'ml_detector_unknown_fields_total', {}, fields);
}
