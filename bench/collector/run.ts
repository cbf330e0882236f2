/** `npm run bench:collector [programs|paths|footprint|times|auth|soak]`: what the collector costs and how fast it is, each beside a peer; soak takes an hour. */
import { machine } from '../machine.ts';

const PARTS: Record<string, () => Promise<{ benchmark: () => Promise<unknown> }>> = {
  programs: () => import('./programs.ts'),
  paths: () => import('./paths.ts'),
  footprint: () => import('./footprint.ts'),
  times: () => import('./times.ts'),
  auth: () => import('../auth.ts'),
  soak: () => import('./soak.ts'),
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in PARTS));
if (unknown.length > 0) {
  console.error(`unknown part ${unknown.join(', ')}; there are: ${Object.keys(PARTS).join(', ')}`);
  process.exit(2);
}

console.log(machine());
for (const [name, load] of Object.entries(PARTS)) {
  if (wanted.length > 0 ? !wanted.includes(name) : name === 'soak') continue;
  console.log(`\n## ${name}`);
  await (await load()).benchmark();
}
