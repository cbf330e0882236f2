/** Tests by capability: most files run two at a time; those that own something of the machine run after them, one by one. */
import { defineConfig } from 'vitest/config';
import { noSkips } from './test/no-skips.ts';

/** Namespaces, control groups, mounts, virtual machines, servers of other makers; or memory and times that a neighbour would spoil. */
const ALONE = [
  'auth-logs',
  'behind-nginx',
  'block-*',
  'collector',
  'collector-page',
  'deploy',
  'doctor',
  'drill',
  'ebpf-*',
  'edge-bench',
  'edge-s3',
  'end-to-end',
  'flood-live',
  'fuzz',
  'kernels',
  'many-sources',
  'metrics',
  'model-memory',
  'object-store',
  'packages',
  'prometheus*',
  's3-faults',
  'serve*',
  'service',
  'spool-faults',
  'training-killed',
  'training-million',
  'unit-limits',
].map((name) => `test/${name}.test.ts`);

/** Several times what the slowest takes on a quiet machine. */
const limits = { testTimeout: 180_000, hookTimeout: 180_000 };

export default defineConfig({
  test: {
    reporters: ['default', noSkips],
    projects: [
      {
        test: {
          ...limits,
          name: 'together',
          include: ['test/**/*.test.ts'],
          exclude: ALONE,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      { test: { ...limits, name: 'alone', include: ALONE, fileParallelism: false, sequence: { groupOrder: 1 } } },
    ],
  },
});
