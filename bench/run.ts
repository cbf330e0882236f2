/** `npm run bench [edge|alone|cold|bpf|footprint|dbscan|training|auth]`: the main figures in one run, with the machine, the inputs and the peer beside it. */
import { type Parts, runParts } from './run-parts.ts';

const PARTS: Parts = {
  edge: () => import('./edge/throughput.ts'),
  alone: () => import('./edge/alone.ts'),
  cold: () => import('./edge/cold.ts'),
  bpf: () => import('./collector/programs.ts'),
  footprint: () => import('./collector/footprint.ts'),
  dbscan: () => import('./dbscan.ts'),
  training: () => import('./training.ts'),
  auth: () => import('./auth.ts'),
};

const found = await runParts(PARTS, process.argv.slice(2));
console.log(`\n${JSON.stringify(found)}`);
