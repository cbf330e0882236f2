/** Debian's Prometheus on loopback, and its promtool: installed, or unpacked below node_modules by the set-up. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const UNPACKED = fileURLToPath(new URL('../node_modules/.vigia/usr/bin', import.meta.url));

/** @throws Error with the remedy where the program is missing */
export function prometheusProgram(name: 'prometheus' | 'promtool' | 'prometheus-node-exporter'): string {
  const found = ['/usr/bin', UNPACKED].map((folder) => join(folder, name)).find((file) => existsSync(file));
  if (found === undefined) throw new Error(`${name} is not here; as root: node setup/setup.mjs test`);
  return found;
}

/** Promtool's complaints about a /metrics page; empty where there are none. */
export function complaintsAbout(metricsPage: string): string {
  const { status, stdout, stderr } = spawnSync(prometheusProgram('promtool'), ['check', 'metrics'], {
    input: metricsPage,
    encoding: 'utf8',
  });
  return status === 0 ? '' : `exit ${status}: ${stdout}${stderr}`;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new TypeError('no port');
  return address.port;
}

export interface Target {
  readonly job: string;
  /** Host and port. */
  readonly at: string;
}

export interface Prometheus {
  readonly url: string;
  /** Samples of an instant query: value by labels. */
  query(expression: string): Promise<{ metric: Record<string, string>; value: number }[]>;
  api<T>(path: string): Promise<T>;
  stop(): Promise<void>;
}

/** Scrapes each target once a second; serves once this returned. */
export async function startPrometheus(
  port: number,
  targets: readonly Target[],
  ruleFile?: string,
): Promise<Prometheus> {
  const folder = mkdtempSync(join(tmpdir(), 'vigia-prometheus-'));
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: ruleFile === undefined ? [] : [ruleFile],
    scrape_configs: targets.map(({ job, at }) => ({ job_name: job, static_configs: [{ targets: [at] }] })),
  };
  // JSON is YAML.
  writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config));
  const url = `http://127.0.0.1:${port}`;
  const process = spawn(
    prometheusProgram('prometheus'),
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--query.timeout=5s',
    ],
    { stdio: 'ignore' },
  );
  const api = async <T>(path: string): Promise<T> => {
    const { data } = (await (await fetch(`${url}/api/v1/${path}`)).json()) as { data: T };
    return data;
  };
  const stop = async (): Promise<void> => {
    await ended(process);
    rmSync(folder, { recursive: true, force: true });
  };
  if (await serves(`${url}/-/ready`, process))
    return {
      url,
      api,
      stop,
      query: async (expression) => {
        const { result } = await api<{ result: { metric: Record<string, string>; value: [number, string] }[] }>(
          `query?${new URLSearchParams({ query: expression })}`,
        );
        return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
      },
    };
  await stop();
  throw new Error('Prometheus did not start');
}

/** Waits until the address answers 200; false where the process ends before. */
export async function serves(url: string, process: ChildProcess): Promise<boolean> {
  for (let waited_ms = 0; waited_ms < 20_000 && process.exitCode === null; waited_ms += 100) {
    const answer = await fetch(url).catch(() => null);
    await answer?.body?.cancel();
    if (answer?.ok) return true;
    await delay(100);
  }
  return false;
}

export async function ended(process: ChildProcess): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return;
  const exited = new Promise((resolve) => process.once('exit', resolve));
  process.kill('SIGTERM');
  await exited;
}
