/** `vigia serve` as operators run it: tokens asked for, limits counted, models trained, state in a folder of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SignJWT } from 'jose';
import pino from 'pino';
import { EdgeServer } from '../../cli/serve/server.ts';
import { postBody } from './made-posts.ts';

const TOKEN_KEY = 'the key of a benchmark, on loopback, for minutes';
const TRAINED_WITH = 600;
const WINDOWS_A_POST = 100;
const LIVE_WITHIN_MS = 30_000;

/** Of the edge that is measured: a limit that counts and that nothing reaches. */
export const VARIABLES: Readonly<Record<string, string>> = {
  TOKEN_KEY,
  RATE_LIMIT_PER_TOKEN: '1000000',
  RATE_LIMIT_PER_ADDRESS: '1000000',
};

export interface ServedEdge {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly server: EdgeServer;
  /** Of every workerd that runs now. */
  pids(): number[];
}

/** Headers of a post, with a token that may do everything. */
export async function bearer(): Promise<Record<string, string>> {
  const token = await new SignJWT({ scope: 'admin' })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuedAt()
    .setExpirationTime('2 hours')
    .sign(new TextEncoder().encode(TOKEN_KEY));
  return { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
}

/** Runs `use` with a folder for state, which is removed afterwards. @param below /dev/shm: in memory */
export async function withStateDir<T>(use: (stateDir: string) => Promise<T>, below = tmpdir()): Promise<T> {
  const stateDir = await mkdtemp(join(below, 'vigia-bench-'));
  try {
    return await use(stateDir);
  } finally {
    await rm(stateDir, { recursive: true, force: true, maxRetries: 5 });
  }
}

export interface EdgeChoices {
  /** Beside `VARIABLES`. */
  readonly vars?: Record<string, string>;
  /** That answer the port. */
  readonly processes?: number;
  /** Takes the lines of workerd and of its supervisor. */
  readonly log?: (line: string) => void;
}

/** Runs `use` with an edge on a free port. */
export async function withServedEdge<T>(
  stateDir: string,
  use: (edge: ServedEdge) => Promise<T>,
  { vars = {}, processes = 1, log = () => undefined }: EdgeChoices = {},
): Promise<T> {
  const server = await EdgeServer.start({
    host: '127.0.0.1',
    port: 0,
    stateDir,
    tls: null,
    processes,
    vars: { ...VARIABLES, ...vars },
    logger: pino({ base: null }, { write: log }),
    log,
  });
  const pids = (): number[] => server.processes.map(({ pid }) => pid).filter((pid) => pid !== null);
  try {
    return await use({ url: server.url, headers: await bearer(), server, pids });
  } finally {
    await server.stop();
  }
}

/** Posts ordinary windows of a group, trains on them and waits until the models judge. */
export async function trainGroup({ url, headers }: Pick<ServedEdge, 'url' | 'headers'>, group: string): Promise<void> {
  const origin = { host: 'learned', group };
  for (let from = 0; from < TRAINED_WITH; from += WINDOWS_A_POST)
    await accepted(`${url}/detect`, { method: 'POST', headers, body: postBody(origin, from, WINDOWS_A_POST) });
  await accepted(`${url}/train?group=${group}`, { method: 'POST', headers });
  const deadline = Date.now() + LIVE_WITHIN_MS;
  for (let number = TRAINED_WITH; ; number++) {
    const body = postBody(origin, number, 1);
    const answer = await accepted(`${url}/detect`, { method: 'POST', headers, body });
    if (isScored(await answer.json())) return;
    if (Date.now() > deadline) throw new Error(`the models did not go live within ${LIVE_WITHIN_MS} ms`);
    await sleep(500);
  }
}

export const trainDefault = (edge: Pick<ServedEdge, 'url' | 'headers'>): Promise<void> => trainGroup(edge, 'default');

/** Whether models scored the first window of an answer. */
export function isScored(answer: unknown): boolean {
  const { results } = answer as { results: { model_version: string | null }[] };
  return typeof results[0]?.model_version === 'string';
}

export async function accepted(url: string, init: RequestInit): Promise<Response> {
  const answer = await fetch(url, init);
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return answer;
}
