/** Tokens: the key that signs them, what they may do, and the id that they are known by without being shown: the beginning of their SHA-256. */
import * as z from 'zod';

const ID_CHARACTERS = 32;

/** What a token may do: `admin` holds every other. */
export const SCOPES = ['ingest', 'read', 'train', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

export const tokenId = z.string().regex(/^[0-9a-f]{32}$/, 'must be 32 hex digits, as "vigia token create" prints them');

export const revocation = z.object({
  id: tokenId,
  until: z.iso.datetime().optional().describe('When the token ends by itself.'),
});

/** More at once means that the signing key should be replaced instead. */
export const MOST_REVOKED = 10_000;

export const revokedToken = z.object({
  id: tokenId,
  revoked_at: z.iso.datetime(),
  until: z.iso.datetime().describe('When the token would have ended by itself; afterwards it need not be remembered.'),
});
export type RevokedToken = z.output<typeof revokedToken>;

/** As they are kept. */
export const revokedTokens = z.object({ revoked: z.array(revokedToken).max(MOST_REVOKED) });

export const revokedQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  cursor: z
    .string()
    .max(64)
    .regex(/^[0-9TZ:.-]+_[0-9a-f]{32}$/, 'must be the "next" of the page before')
    .optional()
    .describe('The `next` of the page before.'),
});

export const revokedPage = z.object({
  revoked: z.array(revokedToken).describe('The latest first.'),
  next: z.string().nullable().describe('The `cursor` of the following page; null on the last.'),
});
export type RevokedPage = z.output<typeof revokedPage>;

export const revokedAnswer = z.object({ status: z.literal('revoked'), id: tokenId });

/** 32 hex digits; the same wherever it is computed. */
export async function tokenIdOf(token: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(token));
  const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.slice(0, ID_CHARACTERS);
}

/** The HS256 key of a text: a line's end and other white space around it, which editors and shells leave there, are no part of it. */
export function signingKey(text: string): Uint8Array {
  return new TextEncoder().encode(text.trim());
}
