/** `npm run bench:collector [programs|paths|footprint|times|auth|soak]`: what the collector costs and how fast it is, each beside a peer; soak takes an hour. */
import { type Parts, runParts } from '../run-parts.ts';

const PARTS: Parts = {
  programs: () => import('./programs.ts'),
  paths: () => import('./paths.ts'),
  footprint: () => import('./footprint.ts'),
  times: () => import('./times.ts'),
  auth: () => import('../auth.ts'),
  soak: () => import('./soak.ts'),
};

await runParts(PARTS, process.argv.slice(2), 'soak');
