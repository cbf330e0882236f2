/** What `POST /classify_username` takes and answers: which kind of string a user name is. */
import * as z from 'zod';
import { usernameType } from './auth-window.ts';

/** Limits of one request; more strings are answered 413, a longer one 400. */
export const MAX_STRINGS = 1000;
export const MAX_CHARACTERS = 256;

const text = z.string().max(MAX_CHARACTERS);
export const oneUsername = z.object({ username: text });
export const manyUsernames = z.object({ usernames: z.array(text).min(1).max(MAX_STRINGS) });
export const classifyRequest = z.union([oneUsername, manyUsernames]);

const probability = z.number().min(0).max(1);

export const classification = z.object({
  username_text: z.string(),
  predicted_type: usernameType,
  confidence: probability.describe('Probability of the most probable type.'),
  n_gram_analysis: z.literal(true),
  probabilities: z.object({
    username: probability,
    password: probability,
    command: probability,
    service: probability,
  }),
});

export const classifyAnswer = z.union([classification, z.array(classification)]);

export type Classification = z.output<typeof classification>;
