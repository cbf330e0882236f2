/** What `GET /groups` answers: which groups there are, and how each stands. */
import * as z from 'zod';
import { groupName } from './quantity.ts';

const count = z.number().int().nonnegative();

export const listedGroup = z.object({
  group: groupName,
  windows_total: count,
  incidents: z
    .object({ open: count, acknowledged: count, muted: count })
    .describe('Not over; `muted`: nobody was told of any alert of theirs.'),
  incidents_last_24h: count,
  alerts_last_24h: count,
});

export const groupList = z.object({
  groups: z.array(listedGroup).describe('Those with the most open incidents first.'),
  others: z
    .boolean()
    .describe('There are more groups than the 199 that are told apart; of those one has to know the name.'),
});

export type ListedGroup = z.output<typeof listedGroup>;
