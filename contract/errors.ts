/** Errors that the contract itself raises; each carries its facts in fields. */

/** An environment override of a rule threshold that is no number. */
export class InvalidThresholdError extends Error {
  override readonly name = 'InvalidThresholdError';
  readonly variable: string;
  readonly value: string;

  constructor(variable: string, value: string, fallback: number) {
    super(
      `${variable}=${JSON.stringify(value.slice(0, 64))} is not a finite number ≥ 0; set a number, or unset it for the default ${fallback}`,
    );
    this.variable = variable;
    this.value = value;
  }
}
