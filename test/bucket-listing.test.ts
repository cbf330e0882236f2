/** Lists of the bucket on disk cost what they answer, and not what is stored: counted in rows that SQLite reads, with 100,000 objects. */
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleSource, COMPATIBILITY_DATE } from '../cli/edge/bundle-workers.ts';
import type { ListOptions, ListPage } from '../functions/storage/object-store.ts';

/** 100 groups of 1,000 hours with an object each; `windows/web-007/h0042/a` is the 42nd of the seventh. */
const WORKER = `
import { Bucket } from './functions/storage/bucket.ts';
const cursors = [];
export class Counted extends Bucket {
  constructor(ctx, env) {
    const { sql } = ctx.storage;
    const exec = sql.exec.bind(sql);
    Object.defineProperty(sql, 'exec', { value: (...values) => {
      const cursor = exec(...values);
      cursors.push(cursor);
      return cursor;
    } });
    super(ctx, env);
    sql.exec(\`
      WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)
      INSERT INTO objects SELECT printf('windows/web-%03d/h%04d/a', i / 1000, i % 1000), 'x' FROM n\`);
  }
  async counted(options) {
    cursors.length = 0;
    const page = await this.list(options);
    return { page, rowsRead: cursors.reduce((sum, { rowsRead }) => sum + rowsRead, 0) };
  }
}
export default {
  fetch: async (request, env) => Response.json(await env.BUCKET.getByName('bucket').counted(await request.json())),
};`;

let runtime: Miniflare;
beforeAll(async () => {
  runtime = new Miniflare(
    convertV4MiniflareOptions({
      modules: await bundleSource(WORKER),
      modulesRoot: '/',
      compatibilityDate: COMPATIBILITY_DATE,
      durableObjects: { BUCKET: { className: 'Counted', useSQLite: true } },
      cf: false,
    }),
  );
});
afterAll(() => runtime.dispose());

interface Counted {
  readonly page: ListPage;
  readonly rowsRead: number;
}

async function list(options: ListOptions): Promise<Counted> {
  const answer = await fetch(await runtime.ready, { method: 'POST', body: JSON.stringify(options) });
  if (!answer.ok) throw new Error(await answer.text());
  return (await answer.json()) as Counted;
}

describe('a page', () => {
  it.each<[string, ListOptions, string, string]>([
    ['from the beginning', { prefix: 'windows/' }, 'windows/web-000/h0000/a', 'windows/web-000/h0999/a'],
    [
      'after a key near the end',
      { prefix: 'windows/', startAfter: 'windows/web-098/h0999/a' },
      'windows/web-099/h0000/a',
      'windows/web-099/h0999/a',
    ],
    ['of a folder in the middle', { prefix: 'windows/web-050/' }, 'windows/web-050/h0000/a', 'windows/web-050/h0999/a'],
    [
      'of the end of a folder',
      { prefix: 'windows/web-050/', startAfter: 'windows/web-050/h0899/' },
      'windows/web-050/h0899/a',
      'windows/web-050/h0999/a',
    ],
  ])('%s reads its keys, and a few rows more', async (_, options, first, last) => {
    const { page, rowsRead } = await list(options);
    expect([page.keys[0], page.keys.at(-1)]).toEqual([first, last]);
    expect(rowsRead).toBeLessThanOrEqual(page.keys.length + 5);
  });

  it('of a large list further on costs no more than the first', async () => {
    let cursor: string | undefined;
    let keys = 0;
    for (let pages = 0; pages === 0 || cursor !== undefined; pages++) {
      const { page, rowsRead } = await list({ prefix: 'windows/', ...(cursor !== undefined && { cursor }) });
      expect(rowsRead).toBeLessThanOrEqual(1_005);
      keys += page.keys.length;
      ({ cursor } = page);
    }
    expect(keys).toBe(100_000);
  });
});

it('folders are found without reading what is in them', async () => {
  const { page, rowsRead } = await list({ prefix: 'windows/', delimiter: '/' });
  expect(page.prefixes).toHaveLength(100);
  expect(page.cursor).toBeUndefined();
  expect(rowsRead).toBeLessThanOrEqual(2 * 100 + 5);
  const later = await list({ prefix: 'windows/', delimiter: '/', startAfter: 'windows/web-089/\u{10ffff}' });
  expect(later.page.prefixes).toHaveLength(10);
  expect(later.rowsRead).toBeLessThanOrEqual(2 * 10 + 5);
});
