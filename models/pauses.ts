/** Long computations in pieces, so that whoever runs them can let others go on in between. */

/** Lets others go on; between two calls a computation takes some ten milliseconds. */
export type Pause = () => Promise<void>;

export const noPause: Pause = async () => {};

/** A computation that yields after each piece, and returns its result. */
export type Pieces<Result> = Generator<void, Result, void>;

/** All pieces without a pause. */
export function atOnce<Result>(pieces: Pieces<Result>): Result {
  for (;;) {
    const { done, value } = pieces.next();
    if (done) return value;
  }
}

export async function withPauses<Result>(pieces: Pieces<Result>, pause: Pause): Promise<Result> {
  for (;;) {
    const { done, value } = pieces.next();
    if (done) return value;
    await pause();
  }
}
