/** Readers of option values; each says what was expected. */
import { availableParallelism } from 'node:os';
import { InvalidArgumentError } from 'commander';

/** More than one process of state could feed. */
const MAX_PROCESSES = 64;

export function positiveInteger(value: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 1) throw new InvalidArgumentError('must be a whole number above 0');
  return number;
}

export function wholeNumber(value: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 0) throw new InvalidArgumentError('must be a whole number, 0 or more');
  return number;
}

export function nonNegative(value: string): number {
  const number = Number(value);
  if (value.trim() === '' || !Number.isFinite(number) || number < 0)
    throw new InvalidArgumentError('must be a number, 0 or more');
  return number;
}

export function portNumber(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 0 || number > 65_535)
    throw new InvalidArgumentError('must be a port, 0 to 65535');
  return number;
}

/** `auto` is a process per core that this one may use. */
export function processCount(value: string): number {
  const number = value === 'auto' ? availableParallelism() : Number(value);
  if (!Number.isInteger(number) || number < 1 || number > MAX_PROCESSES)
    throw new InvalidArgumentError(`must be auto, or a whole number from 1 to ${MAX_PROCESSES}`);
  return number;
}

export function list(value: string): string[] {
  return value.split(',').map((item) => item.trim());
}

/** For an option that may be given several times. */
export function repeated(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value];
}
