/** `GET /incidents/stream` with a browser's client (Node's EventSource) and by hand: what happens is seen, and nothing is missed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleSource, COMPATIBILITY_DATE } from '../cli/edge/bundle-workers.ts';
import { type Edge, startEdge } from '../cli/edge.ts';
import { change as changeSchema } from '../contract/change.ts';
import type { NetworkWindow } from '../contract/network-window.ts';
import { scanWindow } from './edge-fixture.ts';

interface Seen {
  readonly kind: string;
  readonly id: string;
  readonly data: string;
}

interface Client {
  readonly seen: Seen[];
  close(): void;
}

const CLIENT = `
const source = new EventSource(process.argv[1]);
const tell = (event) => console.log(JSON.stringify({ kind: event.type, id: event.lastEventId, data: event.data }));
for (const kind of ['begin', 'reset', 'incident', 'campaign']) source.addEventListener(kind, tell);
`;

const children: ChildProcess[] = [];
function listen(url: string): Client {
  const child = spawn(process.execPath, ['--experimental-eventsource', '--no-warnings', '-e', CLIENT, url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const seen: Seen[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => seen.push(JSON.parse(line)));
  return { seen, close: () => child.kill() };
}

let edge: Edge;
let stateDir: string;
const start = (): Promise<Edge> =>
  startEdge({ port: 0, stateDir, vars: { INCIDENT_QUIET_S: '3' }, log: () => undefined });

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'vigia-stream-'));
  edge = await start();
});
afterAll(async () => {
  for (const child of children) child.kill();
  await edge.stop();
  await rm(stateDir, { recursive: true, force: true });
});

const detect = async (windows: NetworkWindow[]): Promise<void> => {
  const answer = await fetch(`${edge.url}/detect`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ windows }),
  });
  expect(answer.status).toBe(200);
};
const kinds = (client: Client): string[] => client.seen.map(({ kind }) => kind);
const states = (client: Client): string[] =>
  client.seen.flatMap(({ kind, data }) => {
    if (kind !== 'incident' && kind !== 'campaign') return [kind];
    const { data: now } = changeSchema.parse({ kind, data: JSON.parse(data) });
    return [`${kind} ${now.state}`];
  });

describe('a client', () => {
  it('sees an incident open and end', async () => {
    const client = listen(`${edge.url}/incidents/stream?group=live`);
    await expect.poll(() => kinds(client), { timeout: 15_000 }).toEqual(['begin']);
    await detect([scanWindow('192.0.2.5', { group: 'live' })]);
    const all = ['begin', 'incident open', 'incident resolved'];
    await expect.poll(() => states(client), { timeout: 15_000 }).toEqual(all);
    expect(client.seen.map(({ id }) => Number(id))).toEqual([0, 1, 2]);
    expect(JSON.parse(client.seen[1]?.data ?? '')).toMatchObject({ host: 'web-1', attacking_ips: ['192.0.2.5'] });
    client.close();
  });

  it('of a thousand hosts at once sees each, and the campaign', async () => {
    const client = listen(`${edge.url}/incidents/stream?group=many`);
    await expect.poll(() => kinds(client), { timeout: 15_000 }).toEqual(['begin']);
    await detect(
      Array.from({ length: 1000 }, (_, index) => scanWindow('192.0.2.5', { group: 'many', host: `web-${index}` })),
    );
    const opened = (): Set<unknown> =>
      new Set(client.seen.filter(({ kind }) => kind === 'incident').map(({ data }) => JSON.parse(data).host));
    await expect.poll(() => opened().size, { timeout: 15_000 }).toBe(1000);
    const campaigns = client.seen.filter(({ kind }) => kind === 'campaign').map(({ data }) => JSON.parse(data).hosts);
    expect(campaigns).toEqual([2, 5, 10, 50, 100, 500, 1000]);
    client.close();
  });
});

describe('by hand', () => {
  const read = async (path: string, headers: Record<string, string>, until: string): Promise<string> => {
    const stop = new AbortController();
    const answer = await fetch(`${edge.url}${path}`, { headers, signal: stop.signal });
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    let text = '';
    for await (const piece of answer.body ?? []) {
      text += Buffer.from(piece).toString('utf8');
      if (text.includes(until)) break;
    }
    stop.abort();
    return text;
  };

  it('what was missed comes after, and also what happened before the edge was restarted', async () => {
    await detect([scanWindow('198.51.100.5', { group: 'away' })]);
    await edge.stop();
    edge = await start();
    await detect([scanWindow('198.51.100.6', { group: 'away', host: 'db-1' })]);
    const path = '/incidents/stream?group=away';
    const missed = await read(path, { 'last-event-id': '0' }, '"host":"db-1"');
    expect([...missed.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id)).slice(0, 2)).toEqual([1, 2]);
    expect(missed).toContain('"host":"web-1"');
    expect(await read(path, { 'last-event-id': '1' }, 'id: 2\n')).not.toContain('id: 1\n');
  });

  it('one that had events that are not known any longer is told to begin anew', async () => {
    const text = await read('/incidents/stream?group=new', { 'last-event-id': '999' }, 'data');
    expect(text).toContain('event: reset\nid: 0\n');
    expect((await fetch(`${edge.url}/incidents/stream`, { headers: { 'last-event-id': 'x' } })).status).toBe(400);
  });

  it('there are at most 32 listeners, and room again once one goes', async () => {
    const stops: AbortController[] = [];
    const open = async (): Promise<number> => {
      const stop = new AbortController();
      const answer = await fetch(`${edge.url}/incidents/stream?group=full`, { signal: stop.signal });
      if (answer.status === 200) stops.push(stop);
      return answer.status;
    };
    for (let index = 0; index < 32; index++) expect(await open()).toBe(200);
    expect(await open()).toBe(503);
    const page = await (await fetch(`${edge.url}/metrics?group=full`)).text();
    expect(page).toContain('ml_detector_stream_listeners_refused_total{group="full"} 1\n');
    for (const stop of stops) stop.abort();
    await expect.poll(open, { timeout: 20_000, interval: 500 }).toBe(200);
    for (const stop of stops) stop.abort();
  });

  it('a heartbeat comes while nothing happens', async () => {
    expect(await read('/incidents/stream?group=calm', {}, ': still here')).not.toContain('event: incident');
  });
});

/** Of two listeners the first reads, the second does not. */
const SLOW = `
import { LiveStream } from './functions/detect/incidents/live-stream.ts';
export default {
  async fetch() {
    const counted = [];
    const live = new LiveStream({ latest: () => 0, after: () => null }, (what) => counted.push(what));
    const quick = live.open(null, Date.now()).getReader();
    live.open(null, Date.now());
    let bytes = 0;
    const reading = (async () => { for (let read; !(read = await quick.read()).done; ) bytes += read.value.length; })();
    for (let id = 1; id <= 6; id++) {
      live.send({ id, kind: 'incident', body: 'x'.repeat(1024 * 1024) });
      while (bytes < id * 1024 * 1024) await scheduler.wait(1);
    }
    void reading;
    return Response.json(counted);
  },
};`;

it('a listener that leaves 4 MiB unread is let go and counted, and keeps nothing from the others', async () => {
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      modules: await bundleSource(SLOW),
      modulesRoot: '/',
      compatibilityDate: COMPATIBILITY_DATE,
      cf: false,
    }),
  );
  try {
    expect(await (await fetch(await runtime.ready)).json()).toEqual(['listeners_dropped']);
  } finally {
    await runtime.dispose();
  }
});
