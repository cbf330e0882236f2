/** `npm run bench:edge [throughput|alone|outliers|cold|memory|cost|ledger [minutes]]`: what the edge carries, keeps and costs; ten minutes of it are the ledger's. */
import { type Parts, runParts } from '../run-parts.ts';

const PARTS: Parts = {
  throughput: () => import('./throughput.ts'),
  alone: () => import('./alone.ts'),
  outliers: () => import('./outliers.ts'),
  cold: () => import('./cold.ts'),
  memory: () => import('./memory.ts'),
  cost: () => import('./cost.ts'),
  ledger: () => import('./ledger.ts'),
};

await runParts(PARTS, process.argv.slice(2));
