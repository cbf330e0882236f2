/** Ends the wait for a training that hangs. */

/** Ten times what the largest sample takes, and less than the platform gives a message of a Queue. */
export const RUN_DEADLINE_MS = 600_000;

export class TrainingDeadlineError extends Error {
  override readonly name = 'TrainingDeadlineError';
  readonly group: string;
  readonly deadline_ms: number;

  constructor(group: string, deadline_ms: number) {
    super(`The training of group "${group}" did not end within ${deadline_ms / 1000} s; the live models judge on`);
    this.group = group;
    this.deadline_ms = deadline_ms;
  }
}

/** @throws TrainingDeadlineError; whatever `work` throws before */
export async function withinDeadline<T>(group: string, deadline_ms: number, work: Promise<T>): Promise<T> {
  const done = new AbortController();
  const late = scheduler.wait(deadline_ms, { signal: done.signal }).then(() => {
    throw new TrainingDeadlineError(group, deadline_ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    late.catch(() => undefined);
    done.abort();
  }
}
