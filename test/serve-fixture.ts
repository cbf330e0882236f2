/** `vigia serve` as a process of its own, for tests; and what it has stored, read from its files. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import { Agent, type RequestOptions, request } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { SignJWT } from 'jose';
import { quietWindow } from './edge-fixture.ts';

export const TOKEN_KEY = 'a key of the tests, long enough for HS256';

export interface Serving {
  readonly url: string;
  readonly process: ChildProcess;
  /** Lines of its log that are JSON, parsed. */
  readonly events: Record<string, unknown>[];
  /** Waits for that many lines of an event. */
  logged(event: string, times?: number): Promise<Record<string, unknown>>;
  /** Its exit code. */
  readonly exited: Promise<number | null>;
  /** By SIGTERM, unless it is gone. */
  stop(): Promise<void>;
}

const CLI = fileURLToPath(new URL('../cli/vigia.ts', import.meta.url));

/** @throws Error with its log where it does not get ready */
export function serve(args: string[], vars: Record<string, string> = {}): Promise<Serving> {
  return startServing(process.execPath, [CLI, 'serve', '--port', '0', ...args], vars);
}

/**
 * Where names mean what `hosts` says, a file such as /etc/hosts; needs root.
 * @throws Error with its log where it does not get ready
 */
export function serveAmong(hosts: string, args: string[], vars: Record<string, string>): Promise<Serving> {
  const among = ['--mount', 'sh', '-c', 'mount --bind "$0" /etc/hosts && exec "$@"', hosts];
  return startServing('unshare', [...among, process.execPath, CLI, 'serve', '--port', '0', ...args], vars);
}

/** @throws Error with its log where it does not get ready */
export async function startServing(
  command: string,
  args: string[],
  vars: Record<string, string>,
  cwd?: string,
): Promise<Serving> {
  const env = { PATH: process.env.PATH, ...vars };
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], env });
  const events: Record<string, unknown>[] = [];
  let log = '';
  createInterface({ input: child.stderr }).on('line', (line) => {
    log += `${line}\n`;
    if (line.startsWith('{')) events.push(JSON.parse(line));
  });
  const ready = once(createInterface({ input: child.stdout }), 'line');
  const exited = once(child, 'exit').then(([code]: (number | null)[]) => code ?? null);
  const first = await Promise.race([ready, exited.then((code) => Promise.reject(new Error(`exit ${code}\n${log}`)))]);
  return {
    url: String(first[0]).replace('ready ', ''),
    process: child,
    events,
    logged: async (event, times = 1) => {
      const deadline = Date.now() + 20_000;
      for (;;) {
        const found = events.filter((line) => line.event === event);
        const last = found.at(-1);
        if (last !== undefined && found.length >= times) return last;
        if (Date.now() > deadline) throw new Error(`no ${event} in:\n${log}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    exited,
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await exited;
    },
  };
}

export interface Load {
  /** Ids of the windows whose post was answered 200. */
  readonly acknowledged: string[];
  /** What became of every other post. */
  readonly failures: string[];
}

/** Posts windows one after another over each of `connections`, half of which are opened anew for every post, until `until` is done. */
export async function loadUntil(
  url: string,
  until: Promise<unknown>,
  connections = 8,
  headers: Record<string, string> = {},
): Promise<Load> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const load: Load = { acknowledged: [], failures: [] };
  let over = false;
  const one = async (options: RequestOptions): Promise<void> => {
    const { id, ...rest } = quietWindow();
    const outcome = await send(url, { ...options, headers }, { windows: [{ id, ...rest }] });
    if (outcome === '200') load.acknowledged.push(id);
    else load.failures.push(outcome);
  };
  const loops = Array.from({ length: connections }, async (_, i) => {
    while (!over) await one(i % 2 === 0 ? { agent } : { agent: false });
  });
  await until.finally(() => {
    over = true;
  });
  await Promise.all(loops);
  agent.destroy();
  return load;
}

function send(url: string, options: RequestOptions, body: unknown): Promise<string> {
  return new Promise((resolve) => {
    const headers = { 'content-type': 'application/json', ...options.headers };
    const asked = request(`${url}/detect`, { method: 'POST', ...options, headers }, (answer) => {
      answer.resume();
      answer.on('end', () => resolve(String(answer.statusCode)));
      answer.on('error', (error) => resolve(`cut: ${error.message}`));
    });
    asked.on('error', (error) => resolve(`${error.message}${asked.reusedSocket ? ' (reused)' : ''}`));
    asked.end(JSON.stringify(body));
  });
}

export function token(scope: string): Promise<string> {
  return new SignJWT({ scope })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuedAt()
    .setExpirationTime('10 minutes')
    .sign(new TextEncoder().encode(TOKEN_KEY));
}

/** Process ids of the workerd processes that this process started. */
export function workerdOf(pid: number | undefined): number[] {
  return globSync(`/proc/${pid}/task/*/children`)
    .flatMap((file) => readFileSync(file, 'utf8').split(' '))
    .filter((child) => child !== '' && readFileSync(`/proc/${child}/comm`, 'utf8').trim() === 'workerd')
    .map(Number);
}

/** Ids of the windows that stand in a bucket on disk, as often as they stand there. */
export function storedIds(stateDir: string): string[] {
  const [file] = globSync(join(stateDir, 'objects/vigia-Bucket/*.sqlite')).filter((name) => !name.includes('metadata'));
  if (file === undefined) throw new Error(`no bucket below ${stateDir}`);
  const bucket = new DatabaseSync(file, { readOnly: true });
  try {
    const rows = bucket.prepare("SELECT bytes FROM parts WHERE key LIKE 'windows/%' ORDER BY key, part").all();
    return rows
      .map(({ bytes }) => (bytes instanceof Uint8Array ? gunzipSync(bytes).toString() : ''))
      .flatMap((lines) => lines.split('\n').filter((line) => line !== ''))
      .map((line): string => JSON.parse(line).id);
  } finally {
    bucket.close();
  }
}
