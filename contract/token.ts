/** What a token is known by without being shown: the beginning of its SHA-256. */
const ID_CHARACTERS = 32;

/** 32 hex digits; the same wherever it is computed. */
export async function tokenIdOf(token: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(token));
  const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.slice(0, ID_CHARACTERS);
}
