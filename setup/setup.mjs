#!/usr/bin/env node
// Makes a fresh clone ready for `npm start` or `npm test`: npm packages, then the system packages that job needs.
// Plain JavaScript on purpose: it runs on the host's own Node (18 or later), before Node 24 is installed.
import { unpackKernels } from './kernels.mjs';
import { installPackages, linkCommand } from './npm-packages.mjs';
import { installSystemPackages, unpackSystemPackages } from './system-packages.mjs';

const job = process.argv[2];
if (job !== 'start' && job !== 'test' && job !== 'bench') {
  console.error('usage: node setup/setup.mjs start|test|bench');
  process.exit(2);
}
if (process.platform !== 'linux') {
  console.error(`Vigía runs on Linux (this is ${process.platform}); on another system use a Linux virtual machine.`);
  process.exit(2);
}

const started_ms = Date.now();
const installed = [
  installPackages(),
  installSystemPackages(job),
  job !== 'start' && unpackSystemPackages(job),
  job === 'test' && unpackKernels(),
].some(Boolean);
linkCommand();
if (installed) console.error(`setup: ready after ${Math.round((Date.now() - started_ms) / 1000)} s`);
