/** Continuous integration skips nothing: a tool that was not installed must not make its tests vanish. */
import type { Reporter } from 'vitest/node';

/** Fails a run with CI set in which a test was skipped, and names each. */
export const noSkips: Reporter = {
  onTestRunEnd(modules) {
    if (!process.env.CI) return;
    const skipped = modules.flatMap((module) =>
      [...module.children.allTests('skipped')].map((test) => `${module.relativeModuleId}: ${test.fullName}`),
    );
    if (skipped.length === 0) return;
    console.error(`\n${skipped.length} tests were skipped, and CI is set:\n${skipped.join('\n')}`);
    process.exitCode = 1;
  },
};
