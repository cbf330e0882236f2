/** `npm run bench:quality [SET…]`: what the models are worth, beside peers and trivial baselines, as tables and as JSON. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { machine } from '../machine.ts';
import { misses, type QualityRow, type QualitySet } from './row.ts';
import { formatRows } from './table.ts';

const DATA = fileURLToPath(new URL('../../../shared/data', import.meta.url));
const OUT = fileURLToPath(new URL('../quality.json', import.meta.url));

const sets: Record<string, () => Promise<QualitySet>> = {
  generator: async () => (await import('./generator.ts')).generator,
  'nsl-kdd': async () => (await import('./nsl-kdd.ts')).nslKdd,
  adbench: async () => (await import('./adbench.ts')).adbench,
  'alert-budget': async () => (await import('./alert-budget.ts')).alertBudget,
  nab: async () => (await import('./nab.ts')).nab,
  stratosphere: async () => (await import('./stratosphere.ts')).stratosphere,
  captures: async () => (await import('./captures.ts')).captures,
  usernames: async () => (await import('./usernames.ts')).usernames,
  'slow-attacks': async () => (await import('./slow-attacks.ts')).slowAttacks,
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in sets));
if (unknown.length > 0) {
  console.error(`unknown set ${unknown.join(', ')}; there are: ${Object.keys(sets).join(', ')}`);
  process.exit(2);
}

console.log(machine());
const rows: QualityRow[] = [];
const skipped: string[] = [];
for (const [name, load] of Object.entries(sets)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const set = await load();
  if (set.folder !== null && !existsSync(join(DATA, set.folder))) {
    skipped.push(`${set.name}: ${join(DATA, set.folder)} is not here`);
    continue;
  }
  const started = performance.now();
  const measured = await set.measure(DATA);
  console.log(`\n## ${set.name} (${Math.round((performance.now() - started) / 1000)} s)\n${formatRows(measured)}`);
  rows.push(...measured);
}
for (const reason of skipped) console.log(`\nskipped ${reason}`);
const missed = rows.flatMap((row) => misses(row).map((miss) => `${row.set}, ${row.detector}: ${miss}`));
console.log(missed.length === 0 ? '\nevery figure reaches what it must' : `\nnot reached:\n  ${missed.join('\n  ')}`);
writeFileSync(OUT, `${JSON.stringify({ machine: machine(), rows, skipped, missed }, null, 2)}\n`);
console.log(`written to ${OUT}`);
