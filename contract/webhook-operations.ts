/** The operations on webhook endpoints: where incidents are told. */
import * as z from 'zod';
import { groupQuery } from './model-list.ts';
import type { Operation } from './operation.ts';
import { deadLetterPage, deadLetterQuery, endpointPatch, endpointView, newEndpoint } from './webhook-endpoint.ts';

const path = z.object({ id: z.string().min(1).describe('As the list names it.') });
const message = path.extend({ message: z.string().min(1).describe('As the list of dead letters names it.') });
const count = z.number().int().nonnegative();
const replayed = z.object({ replayed: count });

export const webhookOperations = {
  'GET /webhooks': {
    id: 'listEndpoints',
    summary: 'List the endpoints that incidents are told to',
    scope: 'read',
    answer: z.object({ endpoints: z.array(endpointView) }),
  },
  'POST /webhooks': {
    id: 'addEndpoint',
    summary: 'Tell incidents to one more endpoint',
    description:
      'The one answer that holds the secret. Targets on private addresses are refused unless they are allowed.',
    scope: 'admin',
    body: newEndpoint,
    example: { id: 'soc', format: 'ocsf', url: 'https://soc.example.com/vigia' },
    answer: z.object({ id: z.string(), secret: z.string().nullable() }),
    status: 201,
    refusals: [409],
  },
  'POST /webhooks/replay': {
    id: 'replayWebhooks',
    summary: "Send a group's webhooks again that were given up",
    scope: 'admin',
    query: groupQuery,
    answer: replayed,
  },
  'GET /webhooks/{id}': {
    id: 'getEndpoint',
    summary: 'Read one endpoint',
    scope: 'read',
    path,
    answer: endpointView,
  },
  'PATCH /webhooks/{id}': {
    id: 'patchEndpoint',
    summary: 'Change the address or the filter of an endpoint, or enable it again',
    scope: 'admin',
    path,
    body: endpointPatch,
    example: { enabled: true },
    answer: endpointView,
    refusals: [409],
  },
  'DELETE /webhooks/{id}': {
    id: 'removeEndpoint',
    summary: 'Tell an endpoint nothing any more',
    scope: 'admin',
    path,
    answer: z.object({ status: z.literal('removed'), dropped: count }),
    refusals: [409],
  },
  'POST /webhooks/{id}/test': {
    id: 'testEndpoint',
    summary: 'Send an endpoint a test',
    scope: 'admin',
    path,
    answer: z.object({ delivered: z.boolean(), error: z.string().nullable() }),
  },
  'POST /webhooks/{id}/rotate': {
    id: 'rotateSecret',
    summary: 'Sign with a new secret; the old one signs too for a day',
    scope: 'admin',
    path,
    answer: z.object({ secret: z.string(), previous_until: z.string() }),
    refusals: [409],
  },
  'GET /webhooks/{id}/dead': {
    id: 'listDeadLetters',
    summary: 'List what an endpoint never took, the newest first',
    scope: 'read',
    path,
    query: deadLetterQuery,
    answer: deadLetterPage,
  },
  'POST /webhooks/{id}/dead/replay': {
    id: 'replayDeadLetters',
    summary: 'Send all of them again',
    scope: 'admin',
    path,
    answer: replayed,
    refusals: [409],
  },
  'POST /webhooks/{id}/dead/{message}/replay': {
    id: 'replayDeadLetter',
    summary: 'Send one of them again',
    scope: 'admin',
    path: message,
    answer: replayed,
    refusals: [409],
  },
} as const satisfies Record<string, Operation>;
