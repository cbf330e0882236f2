/** DBSCAN beside scikit-learn's on the same rows: time at growing sizes, and whether the labels agree. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dbscan } from '../models/dbscan/cluster.ts';
import { normal, seededRandom } from '../models/random.ts';

const WIDTH = 11;
const BLOBS = 8;
const EPS = 1.5;
const MIN_SAMPLES = 22;
const SIZES = [5000, 20_000, 50_000, 100_000];
/** scikit-learn keeps every neighbourhood in memory at once. */
const MOST_OF_PEER = 50_000;
const PYTHON = '/usr/bin/python3';

const PEER = `
import sys, time, numpy
from sklearn.cluster import DBSCAN
rows = numpy.fromfile(sys.argv[1]).reshape(-1, ${WIDTH})
begun = time.perf_counter()
labels = DBSCAN(eps=${EPS}, min_samples=${MIN_SAMPLES}).fit(rows).labels_
print(time.perf_counter() - begun)
labels.astype(numpy.int32).tofile(sys.argv[2])
`;

/** Blobs of unit variance in a box, and one row in twenty anywhere. */
function blobs(count: number): Float64Array {
  const random = seededRandom(1);
  const centers = Float64Array.from({ length: BLOBS * WIDTH }, () => 12 * random());
  return Float64Array.from({ length: count * WIDTH }, (_, at) => {
    const [row, i] = [Math.floor(at / WIDTH), at % WIDTH];
    if (row % 20 === 0) return 12 * random();
    return (centers[(row % BLOBS) * WIDTH + i] as number) + 0.4 * normal(random);
  });
}

export async function benchmark(): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'vigia-bench-'));
  const table: Record<string, unknown>[] = [];
  try {
    for (const count of SIZES) {
      const rows = blobs(count);
      const begun = performance.now();
      const { labels, clusters } = dbscan(rows, WIDTH, EPS, MIN_SAMPLES);
      const seconds = (performance.now() - begun) / 1000;
      const peer = count <= MOST_OF_PEER ? await peerOf(folder, rows) : null;
      const agree = peer && labels.every((label, row) => label === peer.labels[row]);
      table.push({
        rows: count,
        clusters,
        seconds: Number(seconds.toFixed(2)),
        scikit_learn_seconds: peer ? Number(peer.seconds.toFixed(2)) : null,
        same_labels: agree,
      });
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  console.table(table);
  return table;
}

async function peerOf(folder: string, rows: Float64Array): Promise<{ seconds: number; labels: Int32Array } | null> {
  const [input, output] = [join(folder, 'rows'), join(folder, 'labels')];
  await writeFile(input, new Uint8Array(rows.buffer));
  const { status, stdout } = spawnSync(PYTHON, ['-c', PEER, input, output], { encoding: 'utf8' });
  if (status !== 0) return null;
  const bytes = await readFile(output);
  return {
    seconds: Number(stdout),
    labels: new Int32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)),
  };
}
