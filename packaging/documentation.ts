/** What a package ships for its reader, as it stands in a clone, so that every link in it leads somewhere. */
import { globSync } from 'node:fs';
import { ROOT } from './run.ts';

const SHIPPED = [
  'README.md',
  'CHANGELOG.md',
  'SECURITY.md',
  'docs/*.md',
  'docs/*.png',
  'infra/**/*.*',
  'contract/thresholds.ts',
];

/** @returns paths below the root of the clone, sorted */
export const documentation = (): string[] => globSync(SHIPPED, { cwd: ROOT }).sort();
