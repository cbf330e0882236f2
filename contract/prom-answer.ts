/** What `/detect/prom` answers: the features that a Prometheus server knew of a host, and the verdict on them. */
import * as z from 'zod';
import { PROM_FEATURES } from './prom-request.ts';
import { quantity } from './quantity.ts';
import { result } from './result.ts';

export const promAnswer = z.object({
  group: z.string().describe('Whose models judged.'),
  instance: z.string().nullable().describe('The `instance` label of the target; null where the samples have none.'),
  window_s: z.number().int().positive(),
  features: z.partialRecord(z.enum(PROM_FEATURES), quantity),
  absent: z
    .array(z.object({ feature: z.enum(PROM_FEATURES), metrics: z.array(z.string()), reason: z.string() }))
    .describe('What was asked for and is not there, or cannot be.'),
  result,
});

export type PromAnswer = z.output<typeof promAnswer>;
