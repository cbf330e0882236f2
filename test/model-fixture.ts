/** The smallest set of models that detect takes: one statistical graph, whose score is the largest measured value in thousands. */
import { createHash } from 'node:crypto';
import { NETWORK_FEATURES, SEQUENCE_LENGTH } from '../contract/features.ts';
import { MANIFEST_FORMAT, type Manifest } from '../contract/manifest.ts';
import { Graph } from '../models/onnx/graph.ts';
import type { TestEdge } from './edge-fixture.ts';

export function toyModel(): Uint8Array {
  const graph = new Graph('toy');
  const rows = graph.input('rows', ['N', NETWORK_FEATURES.length]);
  graph.input('hours', ['N']);
  const measured = graph.node('Where', [graph.node('IsNaN', [rows]), graph.scalar(0), rows]);
  const contribution = graph.node('Mul', [measured, graph.scalar(0.001)]);
  const score = graph.node('ReduceMax', [contribution, graph.integers([1], [1])], { keepdims: { int: 0 } });
  graph.output('score', ['N'], score);
  graph.output('contribution', ['N', NETWORK_FEATURES.length], contribution);
  return graph.toModel();
}

/** A version name of second `n`. */
export const version = (n: number): string => `20261120T1200${String(n).padStart(2, '0')}Z-0a1b2c3d`;

export function toyManifest(name: string, onnx: Uint8Array, fields: Partial<Manifest> = {}): Manifest {
  const row = NETWORK_FEATURES.map((_, index) => (index === 3 ? null : 100 * (index + 1)));
  return {
    format: MANIFEST_FORMAT,
    group: 'default',
    version: name,
    created_at: '2026-11-20T12:00:00Z',
    seed: 1,
    features: [...NETWORK_FEATURES],
    baseline: NETWORK_FEATURES.map((feature) => ({
      feature,
      active: true,
      log1p: false,
      center: 0,
      scale: 1,
      low: 0,
      high: 1e6,
      extreme: 1e6,
    })),
    bytes_out_extreme: null,
    recent_out: null,
    training: {
      from: '2026-11-19T12:00:00Z',
      to: '2026-11-20T12:00:00Z',
      windows: 500,
      high_confidence_windows: 480,
      hosts: 2,
    },
    models: {
      statistical: {
        file: 'zmad.onnx',
        sha256: createHash('sha256').update(onnx).digest('hex'),
        bytes: onnx.byteLength,
        calibration: { scores: Array.from({ length: 100 }, (_, index) => index), windows: 100, tail: null },
        parameters: {},
      },
    },
    consensus: null,
    abstained: { spatial: 'toy', temporal: 'toy' },
    golden: [{ rows: Array.from({ length: SEQUENCE_LENGTH }, () => row), hour: 168, scores: { statistical: 1.1 } }],
    quality: {
      false_alert_rate: 0,
      false_alerts: 0,
      allowed_false_alerts: 0.01,
      judged_host_days: 0.01,
      budget_per_host_day: 1,
      injected_found: 1,
    },
    ...fields,
  };
}

/** Puts a version into the bucket of an edge and points to it, as training would. */
export async function upload(edge: TestEdge, manifest: Manifest, onnx: Uint8Array, group = 'default'): Promise<void> {
  const bucket = await edge.runtime.getR2Bucket('BUCKET', 'vigia');
  const folder = `models/${group}/${manifest.version}`;
  await bucket.put(`${folder}/zmad.onnx`, onnx.slice().buffer);
  await bucket.put(`${folder}/manifest.json`, JSON.stringify(manifest));
  const pointer = { version: manifest.version, previous: null, promoted_at: '2026-11-20T12:00:00Z' };
  await bucket.put(`models/${group}/current.json`, JSON.stringify(pointer));
}
