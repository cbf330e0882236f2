/** The number and name types that every schema is built from. */
import * as z from 'zod';

/** A finite number ≥ 0, or null where nothing was measured. */
export const quantity = z.number().nonnegative();
export const measured = quantity.nullable().optional();
export const ratio = z.number().min(0).max(1);
export const measuredRatio = ratio.nullable().optional();

/** The letters of labels and identities. */
export const NAME = /^[A-Za-z0-9][A-Za-z0-9._:@-]*$/;

/** Host, group, interface: printable, bounded, safe in an object key and in a log line. */
export const label = z
  .string()
  .min(1)
  .max(128)
  .regex(NAME, 'must start with a letter or digit and hold only letters, digits and . _ : @ -');

/** A window or batch identity. */
export const identity = z
  .string()
  .min(1)
  .max(160)
  .regex(NAME, 'must start with a letter or digit and hold only letters, digits and . _ : @ -');

/** An instant in UTC, RFC 3339. */
export const instant = z.iso.datetime({ offset: true, error: 'must be a time such as 2026-11-20T10:00:00Z' });

/** A group name: it is a path segment in object storage. */
export const groupName = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[a-z0-9][a-z0-9._-]*$/, 'must be lower case letters, digits and . _ -');
