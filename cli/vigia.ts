#!/usr/bin/env node
/** The `vigia` command: every subcommand stands in a file of its own name under `commands/`. */
import { runCommand } from './run-command.ts';

await runCommand({
  up: () => import('./commands/up.ts'),
  serve: () => import('./commands/serve.ts'),
  collect: () => import('./commands/collect.ts'),
  windows: () => import('./commands/windows.ts'),
  auth: () => import('./commands/auth.ts'),
  detect: () => import('./commands/detect.ts'),
  train: () => import('./commands/train.ts'),
  explain: () => import('./commands/explain.ts'),
  classify: () => import('./commands/classify.ts'),
  drill: () => import('./commands/drill.ts'),
  doctor: () => import('./commands/doctor.ts'),
  models: () => import('./commands/models.ts'),
  incidents: () => import('./commands/incidents.ts'),
  maintenance: () => import('./commands/maintenance.ts'),
  allow: () => import('./commands/allow.ts'),
  token: () => import('./commands/token.ts'),
  webhooks: () => import('./commands/webhooks.ts'),
  block: () => import('./commands/block.ts'),
});
