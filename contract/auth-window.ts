/** The auth window: login attempts of one username or one source, from the first that counts, over ten minutes at most. */
import * as z from 'zod';
import { MAX_SOURCES, source, windowIdentity } from './network-window.ts';
import { measured } from './quantity.ts';

export const USERNAME_TYPES = ['username', 'password', 'command', 'service', 'unknown'] as const;
export const usernameType = z.enum(USERNAME_TYPES);
export type UsernameType = z.output<typeof usernameType>;

export const authMeasurements = {
  /** A keyed hash where the collector does not know the account: it may be a password in the wrong field. */
  username: z.string().max(256).optional(),
  username_type: usernameType.optional(),
  total_attempts: measured,
  failed_attempts: measured,
  successful_attempts: measured,
  unique_source_ips: measured,
  unique_usernames: measured,
  privilege_level: z
    .union([z.literal(0), z.literal(1)])
    .nullable()
    .optional(),
};

export const authWindow = z.object({
  ...windowIdentity,
  ...authMeasurements,
  total_attempts: z.number().nonnegative(),
  /** Those with the most failed attempts, which stand in `packets`. */
  sources: z.array(source).max(MAX_SOURCES).optional(),
});

export type AuthWindow = z.output<typeof authWindow>;
