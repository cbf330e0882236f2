/** Why the embedded edge cannot start, and what to do. */

export class EdgeError extends Error {
  override readonly name = 'EdgeError';
  readonly remedy: string;

  constructor(what: string, remedy: string, options?: ErrorOptions) {
    super(`${what}. ${remedy}`, options);
    this.remedy = remedy;
  }
}
