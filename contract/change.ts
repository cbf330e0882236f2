/** One event of the live stream: an incident or campaign as it is now, in place of what was known of it. */
import * as z from 'zod';
import { campaign } from './campaign.ts';
import { incident } from './incident.ts';

/** Without the explanation, which `GET /incidents/:id` has. */
export const incidentSummary = incident.omit({ explanation: true });

export const change = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('incident'), data: incidentSummary }),
  z.object({ kind: z.literal('campaign'), data: campaign }),
]);

export type Change = z.output<typeof change>;
