/** A full training on 20,000 windows in workerd: how long it takes, what memory its isolate takes, and how long others wait meanwhile. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { Miniflare } from 'miniflare';
import { requireFreePort } from '../cli/edge/free-port.ts';
import { runtimeOptions } from '../cli/edge/runtime-options.ts';
import { ISOLATE_MiB, peak_MiB, withIsolateHeap } from './isolate-memory.ts';
import { FIRST_DAY_MS, simulatedHost } from './quality/simulated-host.ts';

const WINDOWS = 20_000;
const PERIOD_S = 10;
const HOSTS = 4;
const OBJECT_WINDOWS = 1000;
const MOST_SECONDS = 60;
/** Between posts of a client that is judged while the training runs. */
const POST_EVERY_MS = 10;
const HOST = '127.0.0.1';
const PORT = 8799;
const INSPECTOR_PORT = 9229;
const JSON_TYPE = { 'content-type': 'application/json' };

/** Ends a day ago, since training looks back from now. */
function windowsOf(host: number): string[] {
  const days = (WINDOWS / HOSTS) * (PERIOD_S / 86_400);
  const shift_ms = Date.now() - (1 + days) * 86_400_000 - FIRST_DAY_MS;
  return simulatedHost({ seed: host, days, firstDay: 0, period_s: PERIOD_S }).map((window) =>
    JSON.stringify({
      ...window,
      id: `${host}:${window.start}`,
      host: `host-${host}`,
      start: new Date(Date.parse(window.start) + shift_ms).toISOString(),
    }),
  );
}

async function store(runtime: Miniflare, lines: readonly string[]): Promise<void> {
  const bucket = await runtime.getR2Bucket('BUCKET', 'vigia');
  const hour = new Date(Date.now() - 86_400_000).toISOString().slice(0, 13).replaceAll('-', '/').replace('T', '/');
  for (let from = 0; from < lines.length; from += OBJECT_WINDOWS) {
    const text = `${lines.slice(from, from + OBJECT_WINDOWS).join('\n')}\n`;
    await bucket.put(`windows/default/${hour}/${from}.ndjson.gz`, gzipSync(text));
  }
}

/** How long answers of /detect took while `work` ran, ascending, in milliseconds. */
async function latencies_ms(work: () => Promise<unknown>): Promise<number[]> {
  const body = JSON.stringify({ packets_per_second: 80, bytes_per_second: 60_000, unique_ips: 8 });
  const took: number[] = [];
  let running = true;
  const client = async (): Promise<void> => {
    while (running) {
      const asked = performance.now();
      await (await fetch(`http://${HOST}:${PORT}/detect`, { method: 'POST', headers: JSON_TYPE, body })).text();
      took.push(performance.now() - asked);
      await sleep(POST_EVERY_MS);
    }
  };
  const clients = client();
  await work().finally(() => {
    running = false;
  });
  await clients;
  return took.sort((left, right) => left - right);
}

async function train(): Promise<string> {
  const answer = await fetch(`http://${HOST}:${PORT}/train`, { method: 'POST' });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return answer.text();
}

export async function benchmark(): Promise<unknown> {
  const stateDir = await mkdtemp(join(tmpdir(), 'vigia-training-'));
  await Promise.all([requireFreePort(HOST, PORT), requireFreePort(HOST, INSPECTOR_PORT)]);
  const options = await runtimeOptions({ host: HOST, port: PORT, stateDir, vars: {}, log: () => undefined });
  const runtime = withIsolateHeap(() => new Miniflare({ ...options, inspectorPort: INSPECTOR_PORT }));
  try {
    await runtime.ready;
    const lines = Array.from({ length: HOSTS }, (_, host) => windowsOf(host)).flat();
    await store(runtime, lines);
    let [seconds, outcome, waited]: [number, string, number[]] = [0, '', []];
    const memory_MiB = await peak_MiB(`ws://${HOST}:${INSPECTOR_PORT}/core:user:vigia-train`, async () => {
      const started = performance.now();
      outcome = await train();
      seconds = (performance.now() - started) / 1000;
      // The second time every isolate is warm: what others wait for is the training alone.
      waited = await latencies_ms(train);
    });
    const quantile_ms = (share: number): number => Math.round(waited[Math.ceil(share * waited.length) - 1] ?? 0);
    const row = {
      windows: lines.length,
      seconds: Math.round(seconds * 10) / 10,
      'at most (s)': MOST_SECONDS,
      isolate_MiB: Math.round(memory_MiB),
      'at most (MiB)': ISOLATE_MiB,
      'detect meanwhile p50 (ms)': quantile_ms(0.5),
      'p99 (ms)': quantile_ms(0.99),
      'max (ms)': quantile_ms(1),
    };
    console.table([row]);
    console.log(outcome);
    return row;
  } finally {
    await runtime.dispose();
    await rm(stateDir, { recursive: true, force: true });
  }
}
