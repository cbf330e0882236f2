/** A storage server that is not ours any more: whatever it answers, the edge says so, in bounded time and memory. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listAll, listFolders } from '../functions/storage/object-store.ts';
import { readRevoked } from '../functions/storage/revoked-tokens.ts';
import { S3Store } from '../functions/storage/s3-store.ts';
import { readWindows } from '../functions/storage/window-objects.ts';
import { scanWindow, testEdge } from './edge-fixture.ts';
import { MemoryStore } from './memory-store.ts';

const MEBIBYTE = 1024 * 1024;
let server: Server;
let store: S3Store;
let endpoint: string;
let asked = 0;
let behave: RequestListener;

beforeEach(async () => {
  asked = 0;
  server = createServer((request, answer) => {
    asked++;
    behave(request, answer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  store = new S3Store(settings());
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const settings = () => ({
  endpoint,
  bucket: 'hostile',
  region: 'us-east-1',
  accessKeyId: 'id',
  secretAccessKey: 'not-to-be-told',
  attemptTimeoutMs: 2_000,
});

async function gather<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const listing = (keys: string[], next: string | null): string =>
  `<?xml version="1.0"?><ListBucketResult><IsTruncated>${next !== null}</IsTruncated>${
    next === null ? '' : `<NextContinuationToken>${next}</NextContinuationToken>`
  }${keys.map((key) => `<Contents><Key>${key}</Key></Contents><CommonPrefixes><Prefix>p/${key}/</Prefix></CommonPrefixes>`).join('')}</ListBucketResult>`;

const failure = (code: string, message: string): string =>
  `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;

describe('an answer', () => {
  it('that does not end is given up, once and without the memory for it', async () => {
    let sent = 0;
    behave = (_, answer) => {
      answer.writeHead(200, { etag: '"x"' });
      const block = Buffer.alloc(MEBIBYTE);
      const pump = (): void => {
        while (!answer.destroyed && answer.write(block)) sent++;
        sent++;
      };
      answer.on('drain', pump);
      pump();
    };
    await expect(store.get('endless')).rejects.toMatchObject({ name: 'StorageError', code: 'TooLargeError' });
    expect(asked).toBe(1);
    expect(sent).toBeGreaterThanOrEqual(64);
    expect(sent).toBeLessThan(100);
  });

  it('of a byte a second ends with the time of the attempt', async () => {
    behave = (_, answer) => {
      answer.writeHead(200, { 'content-length': '1000000' });
      const drip = setInterval(() => (answer.destroyed ? clearInterval(drip) : answer.write('x')), 100);
    };
    const began = Date.now();
    await expect(store.get('slow')).rejects.toMatchObject({ code: 'AttemptError' });
    expect(Date.now() - began).toBeLessThan(10_000);
  });

  it('that does not come has five seconds, where nothing else was set', async () => {
    const waited_ms = new Promise<number>((resolve) => {
      behave = (request) => {
        const began = Date.now();
        request.socket.once('close', () => resolve(Date.now() - began));
        behave = (_, later) => later.writeHead(404).end();
      };
    });
    const { attemptTimeoutMs: _, ...shipped } = settings();
    await expect(new S3Store(shipped).get('silent')).rejects.toMatchObject({ status: 404 });
    expect(await waited_ms).toBeGreaterThan(4_900);
    expect(await waited_ms).toBeLessThan(20_000);
  });

  it('longer than its header says is no answer, and shorter neither', async () => {
    for (const length of ['5', '500000']) {
      behave = ({ socket }) => {
        socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\nx-amz-meta-sha256: 00\r\n\r\n0123456789`);
      };
      await expect(store.get('wrong-length')).rejects.toMatchObject({ name: 'StorageError' });
    }
  });

  it.each([
    ['no XML', '<html>welcome'],
    ['nothing', ''],
    ['an entity that grows a thousand million times', billionLaughs()],
    ['a file of this machine', '<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/passwd">]><a>&f;</a>'],
    ['100,000 elements deep', '<a>'.repeat(100_000)],
  ])('to a list that is %s is a failure or a page of nothing, and soon', async (_, body) => {
    behave = (__, answer) => answer.writeHead(200, { 'content-type': 'application/xml' }).end(body);
    const began = Date.now();
    const page = await store.list({ prefix: 'p/' }).catch((error: unknown) => error);
    expect(Date.now() - began).toBeLessThan(5_000);
    if (page instanceof Error) expect(page.name).toBe('StorageError');
    expect(JSON.stringify(page).length).toBeLessThan(1_000); // nothing grew
    expect(String(page)).not.toContain('root:');
  });

  it.each(['constructor', '__proto__', 'toString'])('with the error code %s is told as it is', async (code) => {
    behave = (_, answer) => answer.writeHead(400).end(failure(code, 'x'.repeat(100_000)));
    const error: unknown = await store.get('x').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'StorageError' });
    expect(String(error).length).toBeLessThan(600);
    expect(String(error)).not.toMatch(/native code|not-to-be-told/);
  });

  it('that sends elsewhere is not followed', async () => {
    behave = (_, answer) => answer.writeHead(307, { location: 'http://169.254.169.254/latest/meta-data/' }).end();
    await expect(store.get('x')).rejects.toMatchObject({ name: 'StorageError', status: 307 });
  });
});

describe('a list', () => {
  it('whose pages repeat ends at the second', async () => {
    behave = (_, answer) => answer.end(listing(['a'], 'again'));
    await expect(gather(listAll(store, 'p/'))).rejects.toMatchObject({ code: 'EndlessList', key: 'p/' });
    await expect(listFolders(store, 'p/')).rejects.toMatchObject({ code: 'EndlessList' });
    expect(asked).toBe(4);
  });

  it('with ever new pages ends too', async () => {
    behave = (_, answer) => answer.end(listing([`k${asked}`], `page-${asked}`));
    await expect(listFolders(store, 'p/')).rejects.toThrow(/The list of p\/ does not end: after 100 pages/);
    expect(asked).toBe(101);
  });

  it('of keys has 10,000 pages', async () => {
    const endless = new MemoryStore();
    let pages = 0;
    endless.list = async () => ({ keys: [`k${pages}`], prefixes: [], cursor: `page-${pages++}` });
    await expect(gather(listAll(endless, 'p/'))).rejects.toThrow(/does not end: after 10000 pages/);
    expect(pages).toBe(10_001);
  });
});

describe('an object', () => {
  const losses = () => ({ unreadableObjects: 0, invalidLines: 0, duplicates: 0 });

  it('that unpacks to a gigabyte is passed over as unreadable, and counted', async () => {
    const memory = new MemoryStore();
    const bomb = gzipSync(Buffer.alloc(1024 * MEBIBYTE, '\n'), { level: 1 });
    await memory.put('windows/g/bomb.ndjson.gz', new Uint8Array(bomb).slice().buffer);
    const counted = losses();
    const began = Date.now();
    expect(await gather(readWindows(memory, ['windows/g/bomb.ndjson.gz'], counted))).toEqual([]);
    expect(counted.unreadableObjects).toBe(1);
    expect(Date.now() - began).toBeLessThan(2_000);
  });

  it('of revoked tokens that is no list lets nobody in', async () => {
    const memory = new MemoryStore();
    for (const text of ['{"revoked":{"__proto__":[]}}', '[]', '{"revoked":[{"id":1}]}', '\u0000', '']) {
      await memory.put('tokens/revoked.json', new TextEncoder().encode(text).slice().buffer);
      await expect(readRevoked(memory)).rejects.toThrow();
    }
  });
});

it('an edge whose storage is hostile goes on judging by rules, and tells nobody its key', async () => {
  behave = (_, answer) => answer.writeHead(200, { etag: '"x"' }).end(failure('constructor', 'a\r\nb'));
  const edge = await testEdge({
    STORAGE_S3_ENDPOINT: endpoint,
    STORAGE_S3_BUCKET: 'hostile',
    STORAGE_S3_ACCESS_KEY_ID: 'id',
    STORAGE_S3_SECRET_ACCESS_KEY: 'not-to-be-told',
  });
  try {
    const [result] = await edge.detect([scanWindow('192.0.2.1')]);
    expect(result?.threat_types).toContain('port_scan');
    for (const path of ['/models', '/stats', '/metrics', '/health']) {
      const answer = await fetch(`${edge.url}${path}`);
      expect(await answer.text()).not.toContain('not-to-be-told');
      expect([200, 503]).toContain(answer.status);
    }
    for (const line of edge.logs) expect(() => JSON.parse(line)).not.toThrow();
    expect(edge.logs.join('\n')).not.toContain('not-to-be-told');
  } finally {
    await edge.remove();
  }
});

/** Each entity is ten of the one before. */
function billionLaughs(): string {
  let entities = '<!ENTITY l0 "ha">';
  for (let i = 1; i < 10; i++) entities += `<!ENTITY l${i} "${`&l${i - 1};`.repeat(10)}">`;
  return `<?xml version="1.0"?><!DOCTYPE l [${entities}]><ListBucketResult><Contents><Key>&l9;</Key></Contents></ListBucketResult>`;
}
