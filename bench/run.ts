/** `npm run bench [edge|bpf|dbscan|training|auth]`: every figure in one run, with the machine, the inputs and the peer beside it. */
import { machine } from './machine.ts';

const parts: Record<string, () => Promise<{ benchmark: () => Promise<unknown> }>> = {
  edge: () => import('./edge/throughput.ts'),
  bpf: () => import('./collector/programs.ts'),
  dbscan: () => import('./dbscan.ts'),
  training: () => import('./training.ts'),
  auth: () => import('./auth.ts'),
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in parts));
if (unknown.length > 0) {
  console.error(`unknown benchmark ${unknown.join(', ')}; there are: ${Object.keys(parts).join(', ')}`);
  process.exit(2);
}

console.log(machine());
const results: Record<string, unknown> = {};
for (const [name, load] of Object.entries(parts)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.log(`\n## ${name}`);
  const { benchmark } = await load();
  results[name] = await benchmark();
}
console.log(`\n${JSON.stringify(results)}`);
