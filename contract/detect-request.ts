/** What `POST /detect` takes: one flat object, or a batch of windows with earlier ones as context. */
import * as z from 'zod';
import { authMeasurements, authWindow } from './auth-window.ts';
import { SEQUENCE_LENGTH } from './features.ts';
import { networkMeasurements, networkWindow } from './network-window.ts';

/** Limits of one request; past either the answer is 413. */
export const MAX_BODY_BYTES = 1024 * 1024;
export const MAX_WINDOWS = 1000;
/** Earlier windows per host and interface that may travel as context. */
export const MAX_CONTEXT = SEQUENCE_LENGTH - 1;

/** Any subset of the fields of both kinds of window, without an identity. It is judged and not stored. */
export const flatObject = z.object({ ...networkMeasurements, ...authMeasurements });
export type FlatObject = z.output<typeof flatObject>;

export const batch = z.object({
  windows: z
    .array(z.union([networkWindow, authWindow]))
    .min(1)
    .max(MAX_WINDOWS),
  context: z.array(networkWindow).max(MAX_WINDOWS).default([]),
});
export type Batch = z.output<typeof batch>;
