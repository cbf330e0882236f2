/** `vigia serve --processes`: what is told to any of them is known to all, stands once, and outlives each of them. */
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { API_PREFIX } from '../contract/client.ts';
import { tokenIdOf } from '../contract/token.ts';
import { quietWindow, scanWindow } from './edge-fixture.ts';
import { loadUntil, type Serving, serve, storedIds, TOKEN_KEY, token, workerdOf } from './serve-fixture.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigia-processes-test-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Edge extends Serving {
  readonly state: string;
  /** Process ids by name, as the log has them. */
  pids(): Map<string, number>;
  scorers(): number[];
}

async function edgeIn(name: string, vars: Record<string, string> = {}): Promise<Edge> {
  const state = join(folder, name);
  const serving = await serve(['--state', state, '--processes', '2'], vars);
  await serving.logged('serving');
  const pids = (): Map<string, number> => {
    const told = serving.events.flatMap(({ processes, process, pid, event }) =>
      Array.isArray(processes) ? processes : event === 'workerd_started' ? [{ process, pid }] : [],
    );
    return new Map(told.map(({ process, pid }) => [process, pid]));
  };
  const scorers = (): number[] => [...pids()].filter(([process]) => process.startsWith('scorer')).map(([, pid]) => pid);
  return { ...serving, state, pids, scorers };
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** A connection that stays, and the process that accepted it. */
class Connection {
  pid = 0;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #edge: Edge;

  private constructor(edge: Edge) {
    this.#edge = edge;
  }

  static async open(edge: Edge): Promise<Connection> {
    const connection = new Connection(edge);
    expect((await connection.ask('GET', '/health')).status).toBe(200);
    return connection;
  }

  /** One to each of the processes that answer the port. */
  static async toEach(edge: Edge): Promise<Connection[]> {
    const found = new Map<number, Connection>();
    for (let tries = 0; found.size < 2; tries++) {
      if (tries === 64) throw new Error(`64 connections went to ${[...found.keys()].join()}`);
      const connection = await Connection.open(edge);
      found.set(connection.pid, connection);
    }
    return [...found.values()];
  }

  ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const asked = request(
        `${this.#edge.url}${path}`,
        { method, agent: this.#agent, headers: { 'content-type': 'application/json', ...headers } },
        (answer) => {
          this.pid ||= holderOf(answer.socket.localPort ?? 0, this.#edge.scorers());
          let text = '';
          answer.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk;
          });
          answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
        },
      );
      asked.on('error', reject);
      asked.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}

/** Which of these processes has the other end of the connection from this port of loopback; 0 where none has. */
function holderOf(port: number, pids: readonly number[]): number {
  const from = port.toString(16).toUpperCase().padStart(4, '0');
  const rows = readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1);
  const row = rows.map((line) => line.trim().split(/\s+/)).find(([, , remote]) => remote?.endsWith(`:${from}`));
  return pids.find((pid) => openFiles(pid).includes(`socket:[${row?.[9]}]`)) ?? 0;
}

function openFiles(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return []; // closed while we looked
    }
  });
}

/** The other processes say so while the state is away, and go on answering. */
async function expectAway(edge: Edge): Promise<void> {
  await edge.logged('workerd_ended', 2);
  const answers = await Promise.all(['/incidents', '/health'].map((path) => fetch(`${edge.url}${path}`)));
  expect(answers.map(({ status }) => status)).toEqual([503, 200]);
  expect(answers[0]?.headers.get('retry-after')).toBe('2');
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const ids = (text: string): string[] => JSON.parse(text).incidents.map(({ id }: { id: string }) => id);

describe('one edge of several processes', { timeout: 40_000 }, () => {
  let edge: Edge;
  let as: Record<'ingest' | 'read' | 'train' | 'admin', { authorization: string }>;
  let revoked: { authorization: string };
  let each: Connection[];
  let posted: string[] = [];

  beforeAll(async () => {
    edge = await edgeIn('shared', { TOKEN_KEY });
    const bearer = async (scope: string) => ({ authorization: `Bearer ${await token(scope)}` });
    as = {
      ingest: await bearer('ingest'),
      read: await bearer('read'),
      train: await bearer('train'),
      admin: await bearer('admin'),
    };
    each = await Connection.toEach(edge);
    // Of its own, and known to both; that it is revoked is seen at the end of this file, for it takes half a minute.
    revoked = await bearer('ingest read');
    for (const connection of each) expect((await connection.ask('GET', '/stats', undefined, revoked)).status).toBe(200);
    const id = await tokenIdOf(revoked.authorization.slice('Bearer '.length));
    expect((await each[0]?.ask('POST', '/tokens/revoke', { id }, as.admin))?.status).toBe(200);
  }, 60_000);
  afterAll(() => edge.stop());

  it('leads connections to each of its processes', async () => {
    const counts = new Map<number, number>();
    for (let n = 0; n < 64; n++) {
      const { pid } = await Connection.open(edge);
      counts.set(pid, (counts.get(pid) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual(edge.scorers().sort());
    expect(Math.min(...counts.values())).toBeGreaterThan(12); // less by chance: once in a million
  });

  it('has one process that holds the state, which nobody reaches by the port', async () => {
    expect([...edge.pids().keys()]).toEqual(['state', 'training', 'scorer-1', 'scorer-2']);
    expect(workerdOf(edge.process.pid).sort()).toEqual([...edge.pids().values()].sort());
    const holders = [...edge.pids()].filter(([, pid]) => openFiles(pid).some((file) => file.startsWith(edge.state)));
    expect(holders.map(([process]) => process)).toContain('state');
    const databases = [...edge.pids()].filter(([, pid]) => openFiles(pid).some((file) => file.endsWith('.sqlite')));
    expect(databases.map(([process]) => process)).toEqual(['state']);
  });

  it('stores a window once that is posted through each of them', async () => {
    const windows = Array.from({ length: 20 }, () => quietWindow());
    for (const connection of each)
      expect((await connection.ask('POST', '/detect', { windows }, as.ingest)).status).toBe(200);
    posted = windows.map(({ id }) => id);
    // Too few to learn from, as the process that trains finds; the buffer is written out first.
    const trained = await each[1]?.ask('POST', '/train', {}, as.train);
    expect(trained).toMatchObject({ status: 422, text: expect.stringContaining('has 20 network windows') });
    expect(storedIds(edge.state).sort()).toEqual(posted.sort());
  });

  it('groups alerts of all processes into one incident, and tells a listener of any', async () => {
    const [first, second] = each;
    if (first === undefined || second === undefined) throw new Error('no connections');
    const events: string[] = [];
    const leaves = new AbortController();
    const listening = fetch(`${edge.url}${API_PREFIX}/incidents/stream`, { headers: as.read, signal: leaves.signal });
    const body = (await listening).body?.pipeThrough(new TextDecoderStream());
    void (async () => {
      for await (const chunk of body ?? []) events.push(chunk);
    })().catch(() => undefined);
    for (const connection of [first, second, first, second]) {
      const window = scanWindow('198.51.100.7');
      expect((await connection.ask('POST', '/detect', { windows: [window] }, as.ingest)).status).toBe(200);
      posted.push(window.id);
    }
    const seen = await Promise.all(each.map((connection) => connection.ask('GET', '/incidents', undefined, as.read)));
    const [known, same] = seen.map(({ text }) => ids(text));
    expect(known).toHaveLength(1);
    expect(same).toEqual(known);
    expect(JSON.parse(seen[0]?.text ?? '').incidents[0].alerts).toBe(4);
    await expect.poll(() => events.join('')).toContain(known?.[0]);
    leaves.abort();
  });

  it('adds up what all of them counted', async () => {
    const total = async (connection: Connection): Promise<number> => {
      const { text } = await connection.ask('GET', '/metrics', undefined, as.read);
      return Number(/^ml_detector_windows_total\{group="default"\} (\d+)$/m.exec(text)?.[1]);
    };
    // 20 were posted twice; a process tells what it counted within five seconds.
    for (const connection of each)
      await expect.poll(() => total(connection), { timeout: 10_000 }).toBe(posted.length + 20);
  });

  describe('under load', () => {
    let own: Edge;
    const acknowledged: string[] = [];
    beforeAll(async () => {
      own = await edgeIn('loaded');
    }, 60_000);
    afterAll(() => own.stop());

    it('goes on where one of its processes dies, by the others or once it is back', async () => {
      const deaths = (async () => {
        for (const [count, name] of ['scorer-1', 'state', 'training'].entries()) {
          await pause(500);
          process.kill(own.pids().get(name) ?? 0, 'SIGKILL');
          if (name === 'state') await expectAway(own);
          expect(await own.logged('workerd_started', count + 1)).toMatchObject({ process: name });
        }
        await pause(500);
      })();
      const load = await loadUntil(own.url, deaths);
      expect(load.failures.length).toBeGreaterThan(0); // what was under way, and what came while the state was away
      expect(load.acknowledged.length).toBeGreaterThan(100);
      acknowledged.push(...load.acknowledged);
      await Connection.toEach(own);
    });

    it('is reloaded without losing a request', async () => {
      const before = new Set(own.pids().values());
      const listener = await fetch(`${own.url}/incidents/stream`);
      const reload = (async () => {
        await pause(500);
        own.process.kill('SIGHUP');
        await own.logged('reloaded');
        await pause(500);
      })();
      const load = await loadUntil(own.url, reload);
      expect(load.failures).toEqual([]);
      expect(load.acknowledged.length).toBeGreaterThan(100);
      acknowledged.push(...load.acknowledged);
      expect([...own.pids().values()].filter((pid) => before.has(pid))).toEqual([]);
      expect(own.events.filter(({ event }) => event === 'requests_cut')).toEqual([]);
      expect(await listener.text()).toContain('event: begin'); // it ended, and may come again
      await Connection.toEach(own);
    });

    it('has stored all that it acknowledged, once', async () => {
      expect((await fetch(`${own.url}/train`, { method: 'POST' })).status).toBe(200); // writes the buffer out first
      const stored = storedIds(own.state);
      expect(new Set(stored).size).toBe(stored.length);
      expect(acknowledged.filter((id) => !stored.includes(id))).toEqual([]);
    });
  });

  it('knows a revoked token in all of them within a minute', async () => {
    for (const connection of each)
      await expect
        .poll(async () => (await connection.ask('GET', '/stats', undefined, revoked)).status, {
          timeout: 60_000,
          interval: 1_000,
        })
        .toBe(401);
  });
});
