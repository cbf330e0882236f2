/** The environment of the train Worker, checked once. */

/** As the platform hands it over. */
export interface UncheckedBindings {
  BUCKET?: R2Bucket;
}

export interface Bindings {
  readonly bucket: R2Bucket;
}

export class BindingsError extends Error {
  override readonly name = 'BindingsError';
}

/** @throws BindingsError */
export function checkBindings(env: UncheckedBindings): Bindings {
  if (env.BUCKET === undefined)
    throw new BindingsError(
      'BUCKET is not bound; compare functions/train/wrangler.toml with the one of the repository',
    );
  return { bucket: env.BUCKET };
}
