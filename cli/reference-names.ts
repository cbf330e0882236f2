/** Reads the value of --reference. */
import { InvalidArgumentError } from 'commander';
import { REFERENCE_NAMES, type ReferenceName } from '../models/reference/names.ts';
import { list } from './option-values.ts';

/** Names of reference detectors, comma separated. */
export function referenceNames(value: string): ReferenceName[] {
  const names = list(value);
  const known = REFERENCE_NAMES.filter((name) => names.includes(name));
  if (known.length !== new Set(names).size)
    throw new InvalidArgumentError(`must be some of ${REFERENCE_NAMES.join(', ')}, comma separated`);
  return known;
}
