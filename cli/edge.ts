/** The embedded edge: all three Workers with their storage on this machine, in workerd through Miniflare. */
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { SignJWT } from 'jose';
import { Miniflare } from 'miniflare';
import { signingKey } from '../contract/token.ts';
import type { WorkerName } from './edge/bundle-workers.ts';
import { EdgeError } from './edge/edge-error.ts';
import { requireFreePort } from './edge/free-port.ts';
import { withOwnSignals } from './edge/own-signals.ts';
import { requireSafe } from './edge/require-safe.ts';
import { runtimeOptions } from './edge/runtime-options.ts';
import { watchOver, workerdChildren } from './edge/watchdog.ts';

export interface EdgeOptions {
  /** 0: any free one. */
  port: number;
  /** Address to listen on, 127.0.0.1 by default; any other than loopback needs `vars.TOKEN_KEY`. */
  host?: string;
  /** Windows, models and incidents live here. */
  stateDir: string;
  /** Variables of the public Worker: thresholds, ALERT_BUDGET, WEBHOOK_URL, TOKEN_KEY, … */
  vars?: Record<string, string>;
  /** Lines that the Workers log, one JSON object each; to stderr by default. */
  log?: (line: string) => void;
}

export interface Edge {
  /** Where the public Worker serves, such as http://127.0.0.1:8787, without a slash at the end. */
  readonly url: string;
  /** Ends every process of the edge; what was answered is stored. May be called again. */
  stop(): Promise<void>;
  /** `POST /train` for a group, with a token where one is needed. */
  trainNow(group?: string): Promise<Response>;
  /** What it runs on: for tools and tests that look into the bucket. */
  readonly runtime: Miniflare;
}

interface Job {
  readonly job: 'train' | 'upkeep';
  readonly worker: WorkerName;
  readonly every_ms: number;
}

const JOBS: readonly Job[] = [
  // Finds the groups that are due: those that were trained within the last day are not.
  { job: 'train', worker: 'vigia', every_ms: 60 * 60 * 1000 },
  // As the cron of functions/train/wrangler.toml.
  { job: 'upkeep', worker: 'vigia-train', every_ms: 20 * 60 * 1000 },
];

/** @throws EdgeError where a variable of storage is missing, the port is taken or the runtime does not start */
export async function startEdge(options: EdgeOptions): Promise<Edge> {
  const { host = '127.0.0.1', port, stateDir, vars = {}, log = toStderr } = options;
  requireSafe(host, vars);
  if (port !== 0) await requireFreePort(host, port);
  const state = resolve(stateDir);
  // Secrets of webhooks are among what is kept there.
  mkdirSync(state, { recursive: true, mode: 0o700 });

  const earlier = new Set(workerdChildren());
  const runtime = await runtimeOptions({ host, port, stateDir: state, vars, log });
  const miniflare = withOwnSignals(() => new Miniflare(runtime));
  let url: string;
  try {
    await miniflare.ready;
    url = (await miniflare.unsafeGetDirectURL('vigia')).origin;
  } catch (cause) {
    await miniflare.dispose().catch(() => undefined); // throws the same again
    throw new EdgeError(`The edge did not start: ${String(cause)}`, `Look at the lines above, and at ${state}`, {
      cause,
    });
  }
  const callOff = watchOver(workerdChildren().filter((pid) => !earlier.has(pid)));
  let stopped: Promise<void> | undefined;
  const run = async (job: Job): Promise<void> => {
    const failure = await failureOf(job, miniflare);
    // What the end cuts comes again after the next start.
    if (failure === null || stopped !== undefined) return;
    log(JSON.stringify({ level: 'error', event: 'job_failed', job: job.job, answer: failure }));
  };
  const schedules = JOBS.map((job) => setInterval(() => void run(job), job.every_ms).unref());
  return {
    url,
    runtime: miniflare,
    stop: () => {
      for (const schedule of schedules) clearInterval(schedule);
      stopped ??= miniflare.dispose().finally(callOff);
      return stopped;
    },
    trainNow: async (group = 'default') =>
      fetch(`${url}/train?group=${group}`, { method: 'POST', headers: await bearer(vars.TOKEN_KEY) }),
  };
}

/** Does the job. @returns null where it was done */
async function failureOf({ worker }: Job, miniflare: Miniflare): Promise<string | null> {
  try {
    const { outcome } = await (await miniflare.getWorker(worker)).scheduled();
    return outcome === 'ok' ? null : outcome;
  } catch (error) {
    return String(error);
  }
}

async function bearer(key: string | undefined): Promise<Record<string, string>> {
  if (key === undefined || key === '') return {};
  const token = await new SignJWT({ scope: 'train' })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuedAt()
    .setExpirationTime('10 minutes')
    .sign(signingKey(key));
  return { authorization: `Bearer ${token}` };
}

function toStderr(line: string): void {
  process.stderr.write(`${line}\n`);
}
