/** The rules on network quality: latency, jitter, loss, and two of them at once. */
import { RULE_CONFIDENCE } from '../../contract/thresholds.ts';
import { fired, type Rule } from './rule.ts';

export const latencyAnomaly: Rule = ({ avg_latency_ms, max_latency_ms }, { thresholds }) => {
  if (typeof avg_latency_ms !== 'number' || typeof max_latency_ms !== 'number') return null;
  if (max_latency_ms <= thresholds.LATENCY_MAX_MS || avg_latency_ms <= thresholds.LATENCY_AVG_MS) return null;
  return fired(
    'latency_anomaly',
    RULE_CONFIDENCE.latency_anomaly,
    `max_latency_ms > ${thresholds.LATENCY_MAX_MS} and avg_latency_ms > ${thresholds.LATENCY_AVG_MS}`,
    { avg_latency_ms, max_latency_ms },
  );
};

export const jitterAnomaly: Rule = ({ jitter_ms }, { thresholds }) => {
  if (typeof jitter_ms !== 'number' || jitter_ms <= thresholds.JITTER_MS) return null;
  return fired('jitter_anomaly', RULE_CONFIDENCE.jitter_anomaly, `jitter_ms > ${thresholds.JITTER_MS}`, { jitter_ms });
};

export const packetLoss: Rule = ({ packet_loss_rate }, { thresholds }) => {
  if (typeof packet_loss_rate !== 'number' || packet_loss_rate <= thresholds.PACKET_LOSS_RATE) return null;
  return fired('packet_loss', RULE_CONFIDENCE.packet_loss, `packet_loss_rate > ${thresholds.PACKET_LOSS_RATE}`, {
    packet_loss_rate,
  });
};

export const qosDegradation: Rule = ({ avg_latency_ms, jitter_ms, packet_loss_rate }, { thresholds }) => {
  const limits = {
    avg_latency_ms: [avg_latency_ms, thresholds.QOS_LATENCY_AVG_MS],
    jitter_ms: [jitter_ms, thresholds.QOS_JITTER_MS],
    packet_loss_rate: [packet_loss_rate, thresholds.QOS_PACKET_LOSS_RATE],
  } as const;
  const observed: Record<string, number> = {};
  const met: string[] = [];
  for (const [name, [value, limit]] of Object.entries(limits)) {
    if (typeof value !== 'number' || value <= limit) continue;
    observed[name] = value;
    met.push(`${name} > ${limit}`);
  }
  if (met.length < 2) return null;
  return fired('qos_degradation', RULE_CONFIDENCE.qos_degradation, met.join(' and '), observed);
};
