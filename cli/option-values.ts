/** Readers of option values; each says what was expected. */
import { availableParallelism } from 'node:os';
import { InvalidArgumentError } from 'commander';
import { DURATION_FORM, durationSeconds } from '../collector/duration.ts';
import { instant } from '../contract/quantity.ts';

/** More than one process of state could feed. */
const MAX_PROCESSES = 64;
/** Longer than anybody means; what is added to it is still a date. */
const MAX_DAYS = 3650;

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

/** @returns seconds */
export function lengthOfTime(value: string): number {
  const seconds = durationSeconds(value);
  if (seconds === null || seconds > MAX_DAYS * 86_400)
    throw new InvalidArgumentError(`${DURATION_FORM}, ${MAX_DAYS}d at most`);
  return seconds;
}

export function time(value: string): string {
  const parsed = instant.safeParse(value);
  if (!parsed.success) throw new InvalidArgumentError(parsed.error.issues.map(({ message }) => message).join(', '));
  return parsed.data;
}

/** `2h` is two hours ago. */
export function timeOrAgo(value: string): string {
  if (!instant.safeParse(value).success && durationSeconds(value) === null)
    throw new InvalidArgumentError(
      'must be a time such as 2026-11-20T10:00:00Z, or how long ago, such as 10m, 2h or 1d',
    );
  return durationSeconds(value) === null ? value : new Date(Date.now() - 1000 * lengthOfTime(value)).toISOString();
}

export function list(value: string): string[] {
  return value.split(',').map((item) => item.trim());
}

/** For an option that may be given several times. */
export function repeated(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value];
}
