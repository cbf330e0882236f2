/** Tokens that were verified before: taken without another verification, and no longer than they hold. */
import { SignJWT } from 'jose';
import { describe, expect, it, vi } from 'vitest';
import { authenticate } from '../functions/detect/authenticate.ts';
import { VerifiedTokens } from '../functions/detect/verified-tokens.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text.padEnd(32, '.'));
const KEYS = [bytes('a key')];
const signed = (expires_s: number): Promise<string> =>
  new SignJWT({ scope: 'ingest', host: 'web-1' })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime(expires_s)
    .sign(bytes('a key'));
const now_s = (): number => Math.floor(Date.now() / 1000);

describe('a verified token', () => {
  it('gives the same access again, and not under other keys', async () => {
    const verified = new VerifiedTokens();
    const authorization = `Bearer ${await signed(now_s() + 60)}`;
    const first = await authenticate(authorization, KEYS, async () => false, verified);
    expect(await authenticate(authorization, KEYS, async () => false, verified)).toBe(first);
    expect(first).toMatchObject({ host: 'web-1', group: null, scopes: new Set(['ingest']) });
    const other = authenticate(authorization, [bytes('another key')], async () => false, verified);
    await expect(other).rejects.toMatchObject({ status: 401 });
  });

  it('is asked each time whether it was revoked', async () => {
    const verified = new VerifiedTokens();
    const authorization = `Bearer ${await signed(now_s() + 60)}`;
    const { tokenId } = await authenticate(authorization, KEYS, async () => false, verified);
    const asked = authenticate(authorization, KEYS, async (id) => id === tokenId, verified);
    await expect(asked).rejects.toThrow('revoked');
  });

  it('ends with its time', async () => {
    const verified = new VerifiedTokens();
    const end_s = now_s() + 60;
    const token = await signed(end_s);
    await authenticate(`Bearer ${token}`, KEYS, async () => false, verified);
    expect(verified.find(token, KEYS, 1000 * end_s - 1)).not.toBeNull();
    expect(verified.find(token, KEYS, 1000 * end_s)).toBeNull();
  });

  it('that was used longest ago makes room', async () => {
    const verified = new VerifiedTokens(2);
    const tokens = await Promise.all([60, 61, 62].map((more) => signed(now_s() + more)));
    const use = (token = ''): Promise<unknown> => authenticate(`Bearer ${token}`, KEYS, async () => false, verified);
    for (const i of [0, 1, 0, 2]) await use(tokens[i]);
    expect(tokens.map((token) => verified.find(token, KEYS, Date.now()) !== null)).toEqual([true, false, true]);
  });
});

it('a signature is compared by the HMAC of the platform, in constant time, and one that differs in a bit is refused', async () => {
  const verify = vi.spyOn(crypto.subtle, 'verify');
  const [head = '', body = '', signature = ''] = (await signed(now_s() + 60)).split('.');
  const bits = Buffer.from(signature, 'base64url');
  const open = (sent: Uint8Array): Promise<unknown> => {
    const authorization = `Bearer ${head}.${body}.${Buffer.from(sent).toString('base64url')}`;
    return authenticate(authorization, KEYS, async () => false, new VerifiedTokens());
  };
  try {
    await open(bits);
    for (const at of [0, bits.length - 1]) {
      const other = bits.map((byte, i) => (i === at ? byte ^ 1 : byte));
      await expect(open(other)).rejects.toMatchObject({ status: 401 });
    }
    expect(verify).toHaveBeenCalledTimes(3);
    for (const [algorithm, key, , data] of verify.mock.calls) {
      expect([algorithm, key.algorithm]).toMatchObject([{ name: 'HMAC' }, { name: 'HMAC' }]);
      expect(Buffer.from(data as Uint8Array).toString()).toBe(`${head}.${body}`);
    }
  } finally {
    verify.mockRestore();
  }
});
