/** The list of revoked tokens: kept small, right under contention, and never passed over where it cannot be read. */
import { SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { problem } from '../contract/problem.ts';
import { MOST_REVOKED, SCOPES } from '../contract/token.ts';
import { Revocations } from '../functions/detect/revocations.ts';
import { REVOKED_KEY, readRevoked, revoke, TooManyRevokedError } from '../functions/storage/revoked-tokens.ts';
import { testEdge } from './edge-fixture.ts';
import { MemoryStore } from './memory-store.ts';

const NOW = new Date('2026-11-21T12:00:00Z');
const LATER = new Date('2027-01-01T00:00:00Z');
const id = (n: number): string => n.toString(16).padStart(32, '0');
const bytes = (text: string): ArrayBuffer => new TextEncoder().encode(text).slice().buffer;

async function ids(store: MemoryStore): Promise<string[]> {
  const read = await readRevoked(store);
  return read === null || read === 'unchanged' ? [] : read.revoked.map((token) => token.id);
}

describe('revoking', () => {
  it('twice changes nothing, and what has ended by itself is forgotten', async () => {
    const store = new MemoryStore();
    await revoke(store, id(1), new Date(NOW.getTime() + 1000), NOW);
    await revoke(store, id(1), LATER, NOW);
    await revoke(store, id(2), LATER, NOW);
    expect(await ids(store)).toEqual([id(1), id(2)]);
    await revoke(store, id(3), LATER, new Date(NOW.getTime() + 2000));
    expect(await ids(store)).toEqual([id(2), id(3)]);
  });

  it('at the same moment loses none', async () => {
    const store = new MemoryStore();
    await Promise.all([1, 2, 3, 4].map((n) => revoke(store, id(n), LATER, NOW)));
    expect((await ids(store)).sort()).toEqual([1, 2, 3, 4].map(id));
  });

  it('more than fit says that the key should be replaced', async () => {
    const store = new MemoryStore();
    const token = { revoked_at: NOW.toISOString(), until: LATER.toISOString() };
    const revoked = Array.from({ length: MOST_REVOKED }, (_, n) => ({ id: id(n), ...token }));
    await store.put(REVOKED_KEY, bytes(JSON.stringify({ revoked })));
    await expect(revoke(store, id(MOST_REVOKED), LATER, NOW)).rejects.toThrow(TooManyRevokedError);
  });
});

describe('an isolate', () => {
  const MINUTE = 60_000;
  const damage = (store: MemoryStore): Promise<string | null> => store.put(REVOKED_KEY, bytes('<html>'));

  it('knows of a revocation within half a minute', async () => {
    const [store, revocations] = [new MemoryStore(), new Revocations()];
    const isRevoked = (n: number, now: number): Promise<boolean> => revocations.isRevoked(id(n), 'read', store, now);
    expect(await isRevoked(1, 0)).toBe(false);
    await revoke(store, id(1), LATER, NOW);
    expect(await isRevoked(1, 29_999)).toBe(false);
    expect(await isRevoked(1, 30_000)).toBe(true);
    expect(await isRevoked(2, 30_001)).toBe(false);
  });

  it('lets nobody in where it never knew the list', async () => {
    const [store, revocations] = [new MemoryStore(), new Revocations()];
    await damage(store);
    for (const scope of SCOPES)
      await expect(revocations.isRevoked(id(2), scope, store, 0)).rejects.toMatchObject({
        status: 503,
        message: expect.stringContaining('was never read here'),
        headers: { 'retry-after': '30' },
      });
    expect(revocations.age_ms(0)).toBeNull();
  });

  it('goes on with what it knew where the list cannot be read, for a quarter of an hour where something is changed', async () => {
    let failures = 0;
    const [store, revocations] = [new MemoryStore(), new Revocations(() => failures++)];
    await revoke(store, id(1), LATER, NOW);
    expect(await revocations.isRevoked(id(1), 'read', store, 0)).toBe(true);
    await damage(store);
    for (const scope of SCOPES) {
      expect(await revocations.isRevoked(id(1), scope, store, 15 * MINUTE)).toBe(true);
      expect(await revocations.isRevoked(id(2), scope, store, 15 * MINUTE)).toBe(false);
    }
    expect(revocations.age_ms(15 * MINUTE)).toBe(15 * MINUTE);

    const later = 16 * MINUTE;
    for (const scope of ['ingest', 'read'] as const) {
      expect(await revocations.isRevoked(id(1), scope, store, later)).toBe(true);
      expect(await revocations.isRevoked(id(2), scope, store, later)).toBe(false);
    }
    for (const scope of ['train', 'admin'] as const)
      await expect(revocations.isRevoked(id(2), scope, store, later)).rejects.toMatchObject({
        status: 503,
        message: expect.stringContaining('last read 16 minutes ago'),
      });
    expect(failures).toBe(4); // one at 15 minutes, one at 16, and one for each that was refused

    await store.delete([REVOKED_KEY]);
    await revoke(store, id(2), LATER, NOW);
    expect(await revocations.isRevoked(id(2), 'admin', store, later)).toBe(true);
    expect(revocations.age_ms(later)).toBe(0);
  });

  it('that was idle for an hour reads the list before anything is changed, whoever else reads it', async () => {
    const [store, revocations] = [new MemoryStore(), new Revocations()];
    await revocations.isRevoked(id(1), 'read', store, 0);
    await revoke(store, id(1), LATER, NOW);
    const asked = [1, 2].map(() => revocations.isRevoked(id(1), 'admin', store, 60 * MINUTE));
    expect(await Promise.all(asked)).toEqual([true, true]);
  });

  it('tries again after five seconds, not at every request', async () => {
    let failures = 0;
    const [store, revocations] = [new MemoryStore(), new Revocations(() => failures++)];
    await revocations.isRevoked(id(1), 'ingest', store, 0);
    await damage(store);
    for (let now = 30_000; now < 40_000; now += 100) await revocations.isRevoked(id(1), 'ingest', store, now);
    expect(failures).toBe(2);
  });
});

describe('an edge', () => {
  const key = 'k'.repeat(48);

  it('without the list answers 503, and once it has it tells on /metrics what went wrong and how old the list is', async () => {
    const edge = await testEdge({ TOKEN_KEY: key });
    try {
      const token = new SignJWT({ scope: 'read' }).setProtectedHeader({ alg: 'HS256' }).setExpirationTime('1 hour');
      const headers = { authorization: `Bearer ${await token.sign(new TextEncoder().encode(key))}` };
      const bucket = await edge.runtime.getR2Bucket('BUCKET', 'vigia');
      await bucket.put(REVOKED_KEY, '<html>');
      const refused = await fetch(`${edge.url}/metrics`, { headers });
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '30']);
      expect(problem.parse(await refused.json()).detail).toMatch(/list of revoked tokens/);
      await bucket.delete(REVOKED_KEY);
      const page = await (await fetch(`${edge.url}/metrics`, { headers })).text();
      expect(page).toMatch(/^ml_detector_revocations_read_failures_total 1$/m);
      expect(page).toMatch(/^ml_detector_revocations_age_seconds \d$/m);
      expect(edge.logs.filter((line) => line.includes('"event":"revocations_not_read"'))).toHaveLength(1);
    } finally {
      await edge.remove();
    }
  });
});
