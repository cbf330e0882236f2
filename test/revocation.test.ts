/** The list of revoked tokens: kept small, right under contention, and never passed over where it cannot be read. */
import { describe, expect, it } from 'vitest';
import { MOST_REVOKED } from '../contract/token.ts';
import { Revocations } from '../functions/detect/revocations.ts';
import { REVOKED_KEY, readRevoked, revoke, TooManyRevokedError } from '../functions/storage/revoked-tokens.ts';
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
  it('knows of a revocation within half a minute', async () => {
    const [store, revocations] = [new MemoryStore(), new Revocations()];
    expect(await revocations.isRevoked(id(1), store, 0)).toBe(false);
    await revoke(store, id(1), LATER, NOW);
    expect(await revocations.isRevoked(id(1), store, 29_999)).toBe(false);
    expect(await revocations.isRevoked(id(1), store, 30_000)).toBe(true);
    expect(await revocations.isRevoked(id(2), store, 30_001)).toBe(false);
  });

  it('goes on with what it knew where the list cannot be read, and lets nobody in where it never knew', async () => {
    const [store, revocations] = [new MemoryStore(), new Revocations()];
    await revoke(store, id(1), LATER, NOW);
    expect(await revocations.isRevoked(id(1), store, 0)).toBe(true);
    await store.put(REVOKED_KEY, bytes('<html>'));
    expect(await revocations.isRevoked(id(1), store, 60_000)).toBe(true);
    await expect(new Revocations().isRevoked(id(2), store, 0)).rejects.toThrow(SyntaxError);
  });
});
