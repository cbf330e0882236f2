/** What the runtime carries where a Worker judges nothing: posts that are answered, read, parsed, and written as rows of SQLite, each or as many as come at once. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire, stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { COMPATIBILITY_DATE } from '../../cli/edge/bundle-workers.ts';
import { ListeningPort } from '../../cli/serve/listening-port.ts';
import { answers } from './answers.ts';
import { load, type Target } from './load.ts';
import { postBody } from './made-posts.ts';
import { withStateDir } from './served-edge.ts';
import { rounded } from './statistics.ts';

const { default: WORKERD }: { default: string } = createRequire(import.meta.url)('workerd');
/** Ours, so that as many posts as come at once are written together as we do it. */
const GROUP_COMMIT = new URL('../../functions/detect/windows/group-commit.ts', import.meta.url);
const STARTS_WITHIN_MS = 10_000;
const SECONDS = 3;
const CONNECTIONS = 16;
const ORIGIN = { host: 'bench', group: 'default' };
const STEPS = ['answered', 'read', 'parsed', 'stored', 'stored-together'] as const;

const WORKER = `
import { DurableObject } from 'cloudflare:workers';
import { GroupCommit } from './group-commit.mjs';
export class Rows extends DurableObject {
  constructor(state, env) {
    super(state, env);
    state.storage.sql.exec('CREATE TABLE IF NOT EXISTS rows (position INTEGER PRIMARY KEY, text TEXT)');
  }
  append(...texts) {
    this.ctx.storage.sql.exec('INSERT INTO rows (text) VALUES (?)', texts.join());
  }
}
const ROW = 'x'.repeat(200);
const rows = (env) => env.ROWS.getByName('only');
const commits = new GroupCommit(() => 1, Infinity);
const storeAll = (env) => async (posts) => {
  await rows(env).append(...posts.map(() => ROW));
  return posts.map(() => ({ status: 'fulfilled', value: null }));
};
export default {
  async fetch(request, env) {
    const step = new URL(request.url).pathname.slice(1);
    if (step !== 'answered') {
      const text = await request.text();
      if (step !== 'read') JSON.parse(text);
      if (step === 'stored') await rows(env).append(ROW);
      if (step === 'stored-together') await commits.commit({}, storeAll(env));
    }
    return new Response('{}');
  },
};
`;

/** @param seconds whole ones, of each row */
export async function alone(seconds: number) {
  return withStateDir(async (folder) => {
    const port = await ListeningPort.open('127.0.0.1', 0, 1);
    const url = `http://127.0.0.1:${port.number}`;
    await mkdir(join(folder, 'objects'));
    await writeFile(join(folder, 'worker.mjs'), WORKER);
    await writeFile(join(folder, 'group-commit.mjs'), stripTypeScriptTypes(readFileSync(GROUP_COMMIT, 'utf8')));
    await writeFile(join(folder, 'config.capnp'), configuration(folder));
    const workerd = spawn(WORKERD, ['serve', join(folder, 'config.capnp'), '--socket-fd=http=3'], {
      stdio: ['ignore', 'ignore', 'ignore', port.sockets[0]],
    });
    const ended = once(workerd, 'exit');
    try {
      await answers(`${url}/answered`, STARTS_WITHIN_MS);
      const rows = [];
      for (const windows of [1, 100])
        for (const step of STEPS) {
          const target: Target = {
            name: step,
            url: `${url}/${step}`,
            headers: { 'content-type': 'application/json' },
            pids: () => (workerd.pid === undefined ? [] : [workerd.pid]),
          };
          const body = (): string => postBody(ORIGIN, 0, windows);
          const found = await load(target, { connections: CONNECTIONS, windows, postsPerSecond: 1, body }, seconds);
          rows.push({
            windows,
            step,
            'windows/s': rounded(found.windowsPerSecond),
            p50_ms: rounded(found.p50_ms),
            p99_ms: rounded(found.p99_ms),
            cpu_us_per_post: rounded(found.cpu_us_per_post),
          });
        }
      return rows;
    } finally {
      workerd.kill('SIGKILL');
      await ended;
      port.close();
    }
  });
}

export async function benchmark(): Promise<unknown> {
  const rows = await alone(SECONDS);
  console.log(
    `a Worker that judges nothing, ${CONNECTIONS} connections, ${SECONDS} s each: what the runtime takes by itself`,
  );
  console.table(rows);
  return rows;
}

const configuration = (folder: string): string => `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "alone", worker = (
      modules = [
        (name = "worker.mjs", esModule = embed "worker.mjs"),
        (name = "group-commit.mjs", esModule = embed "group-commit.mjs")],
      compatibilityDate = "${COMPATIBILITY_DATE}",
      bindings = [(name = "ROWS", durableObjectNamespace = "Rows")],
      durableObjectNamespaces = [(className = "Rows", uniqueKey = "rows", enableSql = true)],
      durableObjectStorage = (localDisk = "disk"))),
    (name = "disk", disk = (path = "${join(folder, 'objects')}", writable = true))],
  sockets = [(name = "http", http = (), service = "alone")]);
`;
