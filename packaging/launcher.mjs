#!/usr/bin/env node
// The `vigia` of the npm package: refuses a Node that is too old in words that help, which the code itself could not.
const OLDEST = 24;

if (Number.parseInt(process.versions.node, 10) < OLDEST) {
  console.error(
    `vigia: needs Node ${OLDEST} or later, this is ${process.versions.node}. Install a newer one (https://nodejs.org), or the Debian package or single executable of Vigía, which need none.`,
  );
  process.exit(2);
}
await import('../cli/vigia.js');
