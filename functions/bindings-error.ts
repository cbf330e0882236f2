/** What every Worker says of an environment that lacks something. */

/** A deployment that lacks something; it serves nothing but /health until that is set. */
export class BindingsError extends Error {
  override readonly name = 'BindingsError';
  readonly variable: string;

  constructor(variable: string, remedy: string) {
    super(`${variable}: ${remedy}`);
    this.variable = variable;
  }
}
