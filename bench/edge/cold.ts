/** From the start of workerd's process to the first answer that models have scored. */
import { withLauncher } from './bare-workerd.ts';
import { ordinaryWindow } from './made-posts.ts';
import { cpu_ms, threadTimes } from './process-times.ts';
import { accepted, bearer, isScored, trainDefault, VARIABLES, withStateDir } from './served-edge.ts';
import { median } from './statistics.ts';

const RUNS = 10;
const GOAL_MS = 500;
const FIRST_WINDOW = 100_000;

export interface ColdStart {
  /** Until it listens. */
  readonly listens_ms: number;
  /** Until the answer is there. */
  readonly scored_ms: number;
  /** Processor time of workerd until then, all threads. */
  readonly cpu_ms: number;
  /** Of `scored_ms`, how long its first thread was ready and other processes had the processors. */
  readonly waited_ms: number;
}

/** @throws Error where the first answer was not scored by models */
export async function coldStarts(runs: number): Promise<ColdStart[]> {
  const headers = await bearer();
  return withStateDir((stateDir) =>
    withLauncher(stateDir, VARIABLES, async ({ run }) => {
      await run(({ url }) => trainDefault({ url, headers }));
      const starts: ColdStart[] = [];
      for (let i = 0; i < runs; i++) {
        const window = ordinaryWindow({ host: 'cold', group: 'default' }, FIRST_WINDOW + i);
        const body = JSON.stringify({ windows: [window] });
        const began_ms = performance.now();
        starts.push(
          await run(async ({ url, pid }) => {
            const listens_ms = performance.now() - began_ms;
            const answer = await accepted(`${url}/detect`, { method: 'POST', headers, body });
            if (!isScored(await answer.json())) throw new Error('the first answer was not scored by models');
            const scored_ms = performance.now() - began_ms;
            return { listens_ms, scored_ms, cpu_ms: cpu_ms(pid), waited_ms: threadTimes(pid).waited_ms };
          }),
        );
      }
      return starts;
    }),
  );
}

export async function benchmark(): Promise<unknown> {
  const starts = await coldStarts(RUNS);
  const row = (what: string, times: number[]) => ({
    what,
    median_ms: Math.round(median(times)),
    worst_ms: Math.round(Math.max(...times)),
  });
  const rows = [
    row(
      'workerd listens',
      starts.map(({ listens_ms }) => listens_ms),
    ),
    row(
      'the first window is scored',
      starts.map(({ scored_ms }) => scored_ms),
    ),
    row(
      'without waiting for a processor',
      starts.map(({ scored_ms, waited_ms }) => scored_ms - waited_ms),
    ),
    row(
      'processor time, all threads',
      starts.map((start) => start.cpu_ms),
    ),
  ];
  console.log(
    `${RUNS} starts of workerd, from the start of its process; the goal is ${GOAL_MS} ms to the first scored window`,
  );
  console.table(rows);
  return rows;
}
