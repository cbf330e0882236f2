/** The settings of the block list, as config.ts reads them. */
import * as z from 'zod';
import { DURATION_FORM, durationSeconds } from '../duration.ts';
import { AddressRangeError, addressRange } from './address-range.ts';
import { LONGEST_BLOCK_S } from './control-protocol.ts';

/** `off`: nothing but blocks by hand; `dry-run`: verdicts are counted as if they were enforced. */
export const BLOCK_MODES = ['off', 'dry-run', 'enforce'] as const;
/** Where packets are dropped: beside the counting, or before the network stack. */
export const BLOCK_HOOKS = ['tcx', 'xdp'] as const;

const range = z.string().transform((text, context) => {
  try {
    return addressRange(text);
  } catch (error) {
    if (!(error instanceof AddressRangeError)) throw error;
    context.addIssue({ code: 'custom', message: error.message });
    return z.NEVER;
  }
});

const duration = z.string().transform((text, context) => {
  const seconds = durationSeconds(text);
  if (seconds !== null && seconds <= LONGEST_BLOCK_S) return seconds;
  context.addIssue({ code: 'custom', message: `${DURATION_FORM}, 30d at most` });
  return z.NEVER;
});

export const blockSettings = {
  block: z.enum(BLOCK_MODES, { error: `must be one of ${BLOCK_MODES.join(', ')}` }),
  blockAt: z.enum(BLOCK_HOOKS, { error: `must be ${BLOCK_HOOKS.join(' or ')}` }),
  /** Seconds of the first block of an address; each time anew within a day it is twice as long. */
  blockFor: duration,
  allow: z.array(range),
  keepBlocks: z.boolean(),
  /** Host and port where signed webhooks are taken; null: nowhere. */
  blockWebhook: z
    .string()
    .regex(/^(\[[0-9A-Fa-f:]+\]|[^:\s]+):\d{1,5}$/, 'must be HOST:PORT, such as 127.0.0.1:9478')
    .nullable(),
  webhookSecretFile: z.string().min(1).nullable(),
};
