/** A drill that cannot be held; says what is missing and how to get it. */
export class DrillError extends Error {
  override readonly name = 'DrillError';
  readonly remedy: string;

  constructor(what: string, remedy: string, options?: ErrorOptions) {
    super(`${what}. ${remedy}`, options);
    this.remedy = remedy;
  }
}
