/** `npm run bench:edge [throughput|outliers|cold|memory|cost|ledger [minutes]]`: what the edge carries, keeps and costs; ledger takes ten minutes. */
import { machine } from '../machine.ts';

const PARTS: Record<string, () => Promise<{ benchmark: (minutes?: number) => Promise<unknown> }>> = {
  throughput: () => import('./throughput.ts'),
  outliers: () => import('./outliers.ts'),
  cold: () => import('./cold.ts'),
  memory: () => import('./memory.ts'),
  cost: () => import('./cost.ts'),
  ledger: () => import('./ledger.ts'),
};

const given = process.argv.slice(2);
const minutes = given.map(Number).find((number) => number > 0);
const wanted = given.filter((word) => Number.isNaN(Number(word)));
const unknown = wanted.filter((name) => !(name in PARTS));
if (unknown.length > 0) {
  console.error(`unknown part ${unknown.join(', ')}; there are: ${Object.keys(PARTS).join(', ')}`);
  process.exit(2);
}

console.log(machine());
for (const [name, load] of Object.entries(PARTS)) {
  if (wanted.length > 0 ? !wanted.includes(name) : name === 'ledger') continue;
  console.log(`\n## ${name}`);
  await (await load()).benchmark(minutes);
}
