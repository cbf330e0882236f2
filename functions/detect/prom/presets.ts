/** Which metrics the features are read from unless somebody says otherwise. */
import { type MetricSum, metricSum, type PromFeature, type PromPreset } from '../../../contract/prom-request.ts';

const EBPF: Partial<Record<PromFeature, string>> = {
  packets_per_second: 'ebpf_packets_processed_total',
  bytes_per_second: 'ebpf_bytes_processed_total',
  bytes_in_per_second: 'ebpf_bytes_processed_total{direction="in"}',
  bytes_out_per_second: 'ebpf_bytes_processed_total{direction="out"}',
  unique_ips: 'ebpf_unique_ips',
  unique_ports: 'ebpf_unique_ports',
  tcp_packets: 'ebpf_packets_processed_total{protocol="tcp"}',
  udp_packets: 'ebpf_packets_processed_total{protocol="udp"}',
  icmp_packets: 'ebpf_packets_processed_total{protocol="icmp"}',
  syn_packets: 'ebpf_syn_packets_total',
};

/** It counts no addresses, ports or SYNs, and its protocol counters count segments after offloading: those stay absent. */
const NODE_EXPORTER: Partial<Record<PromFeature, string>> = {
  packets_per_second:
    'node_network_receive_packets_total{device!="lo"} + node_network_transmit_packets_total{device!="lo"}',
  bytes_per_second: 'node_network_receive_bytes_total{device!="lo"} + node_network_transmit_bytes_total{device!="lo"}',
  bytes_in_per_second: 'node_network_receive_bytes_total{device!="lo"}',
  bytes_out_per_second: 'node_network_transmit_bytes_total{device!="lo"}',
};

const TEXTS = { ebpf: EBPF, node_exporter: NODE_EXPORTER };

export function presetMetrics(preset: PromPreset): Partial<Record<PromFeature, MetricSum>> {
  const metrics: Partial<Record<PromFeature, MetricSum>> = {};
  for (const [feature, text] of Object.entries(TEXTS[preset])) metrics[feature as PromFeature] = metricSum.parse(text);
  return metrics;
}
