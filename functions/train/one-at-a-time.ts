/** One training at a time in an isolate: two would not fit into its memory. */

/** Longer than whoever asked for a training waits for it: after that its request is gone. */
const LONGEST_MS = 900_000;
const LOOK_EVERY_MS = 100;

let turn: { readonly since: number } | null = null;

/** Waits by looking, since in workerd one request must not wait for the promise of another. */
export async function oneAtATime<T>(work: () => Promise<T>): Promise<T> {
  while (turn !== null && Date.now() - turn.since < LONGEST_MS) await scheduler.wait(LOOK_EVERY_MS);
  const own = { since: Date.now() };
  turn = own;
  try {
    return await work();
  } finally {
    if (turn === own) turn = null;
  }
}
