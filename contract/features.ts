/** The features that the network models see, in the order of every vector, ONNX input and manifest. */

/** Names of the eleven network features. A vector holds NaN where the window did not measure one. */
export const NETWORK_FEATURES = [
  'packets_per_second',
  'bytes_per_second',
  'unique_ips',
  'unique_ports',
  'tcp_packets',
  'udp_packets',
  'syn_packets',
  'avg_latency_ms',
  'max_latency_ms',
  'jitter_ms',
  'packet_loss_rate',
] as const;

export type NetworkFeature = (typeof NETWORK_FEATURES)[number];

/** Windows that the VAE reads at once, oldest first; the last one is the window being judged. */
export const SEQUENCE_LENGTH = 10;

/** Names of the three models as results and manifests name them. */
export const MODEL_NAMES = ['spatial', 'temporal', 'statistical'] as const;

export type ModelName = (typeof MODEL_NAMES)[number];

/** The file that holds each model below `models/<group>/<version>/`. */
export const MODEL_FILES: Record<ModelName, string> = {
  spatial: 'dbscan.onnx',
  temporal: 'vae.onnx',
  statistical: 'zmad.onnx',
};
