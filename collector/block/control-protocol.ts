/** What `vigia block` and the collector say to each other over the control socket. */
import * as z from 'zod';
import { ALLOWED_BECAUSE } from './allowlist.ts';
import { BLOCK_ORIGINS, REFUSALS } from './block-list.ts';

export const LONGEST_BLOCK_S = 30 * 24 * 3600;

export const blockCommand = z.object({
  range: z.string().min(2).max(64),
  for_s: z.number().int().min(1).max(LONGEST_BLOCK_S),
  reason: z.string().max(200).default('by hand'),
  /** Also where the range is vast or has much of the usual traffic; the allowlist wins all the same. */
  force: z.boolean().default(false),
});

export const blockedEntry = z.object({
  range: z.string(),
  until: z.string(),
  reason: z.string(),
  origin: z.enum(BLOCK_ORIGINS),
  enforced: z.boolean(),
  packets: z.number(),
  bytes: z.number(),
});

export const blockListing = z.object({
  mode: z.enum(['off', 'dry-run', 'enforce']),
  interfaces: z.number().int(),
  blocks: z.array(blockedEntry),
  allowed: z.array(z.object({ range: z.string(), because: z.enum(ALLOWED_BECAUSE) })),
  refused: z.record(z.enum(REFUSALS), z.number()),
});

export const controlError = z.object({ error: z.string() });

export type BlockCommand = z.output<typeof blockCommand>;
export type BlockedEntry = z.output<typeof blockedEntry>;
export type BlockListing = z.output<typeof blockListing>;
