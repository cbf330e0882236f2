/** `npm run bench [edge|bpf|dbscan|training|auth]`: every figure in one run, with the machine, the inputs and the peer beside it. */
import { type Parts, runParts } from './run-parts.ts';

const PARTS: Parts = {
  edge: () => import('./edge/throughput.ts'),
  bpf: () => import('./collector/programs.ts'),
  dbscan: () => import('./dbscan.ts'),
  training: () => import('./training.ts'),
  auth: () => import('./auth.ts'),
};

const found = await runParts(PARTS, process.argv.slice(2));
console.log(`\n${JSON.stringify(found)}`);
