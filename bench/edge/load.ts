/** Posts to one server as fast as it answers, by wrk, and says how fast that was and what it cost the server. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cpu_ms } from './process-times.ts';

export interface Target {
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Its processes, whose processor time counts. */
  pids(): readonly number[];
}

export interface Shape {
  readonly connections: number;
  readonly windows: number;
  /** More than a server can answer; with 1 the same body is posted again and again. */
  readonly postsPerSecond: number;
  /** Another body at each call. */
  body(): string | Uint8Array;
}

export interface Load {
  readonly windowsPerSecond: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly max_ms: number;
  /** Processor time of the server. */
  readonly cpu_us_per_post: number;
}

const UNITS_MS: Record<string, number> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

/** Requests are made before the first is sent, so that making them takes no time from the server. */
const SCRIPT = `
local requests, next = {}, 0
init = function(args)
  local file = io.open(args[1], "rb")
  while true do
    local bytes = file:read(10)
    if not bytes then break end
    requests[#requests + 1] = wrk.format("POST", nil, nil, file:read(tonumber(bytes)))
  end
  file:close()
end
request = function()
  next = next % #requests + 1
  return requests[next]
end
`;

/**
 * @param seconds whole ones
 * @throws Error where an answer was no success, or more posts were answered than bodies made, so that some came twice
 */
export async function load(target: Target, shape: Shape, seconds: number): Promise<Load> {
  const folder = await mkdtemp(join(tmpdir(), 'vigia-load-'));
  try {
    const [script, bodies] = [join(folder, 'post.lua'), join(folder, 'bodies')];
    const count = shape.postsPerSecond === 1 ? 1 : Math.ceil(shape.postsPerSecond * seconds);
    await writeFile(script, SCRIPT);
    await writeFile(
      bodies,
      Array.from({ length: count }, () => framed(shape.body())),
    );
    const headers = Object.entries(target.headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
    const options = ['-t1', `-c${shape.connections}`, `-d${seconds}s`, '--latency', ...headers, '-s', script];
    const used_ms = (): number => target.pids().reduce((sum, pid) => sum + cpu_ms(pid), 0);
    const before_ms = used_ms();
    const { stdout } = await promisify(execFile)('wrk', [...options, target.url, '--', bodies]);
    const failed = /Non-2xx or 3xx responses: \d+|Socket errors: .*/.exec(stdout);
    if (failed) throw new Error(`${target.name}: ${failed[0]}`);
    const posts = Number(/(\d+) requests in/.exec(stdout)?.[1]);
    if (count > 1 && posts > count) throw new Error(`${target.name}: ${posts} posts were answered, ${count} were made`);
    const maximum = /Latency\s+\S+\s+\S+\s+([\d.]+)(us|ms|s|m)/.exec(stdout);
    return {
      windowsPerSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]) * shape.windows,
      p50_ms: latency_ms(stdout, '50%'),
      p99_ms: latency_ms(stdout, '99%'),
      max_ms: Number(maximum?.[1]) * (UNITS_MS[maximum?.[2] ?? 'ms'] ?? 1),
      cpu_us_per_post: (1000 * (used_ms() - before_ms)) / posts,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Its length in ten digits, and the body. */
function framed(body: string | Uint8Array): Buffer {
  const bytes = Buffer.from(body);
  return Buffer.concat([Buffer.from(String(bytes.length).padStart(10, '0')), bytes]);
}

function latency_ms(text: string, label: string): number {
  const found = new RegExp(`${label}\\s+([\\d.]+)(us|ms|s|m)`).exec(text);
  if (!found) throw new Error(`wrk printed no ${label}:\n${text}`);
  return Number(found[1]) * (UNITS_MS[found[2] ?? 'ms'] ?? 1);
}
