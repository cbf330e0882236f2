/** Loads one URL with wrk and reads its figures. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface Load {
  requestsPerSecond: number;
  p50_ms: number;
  p99_ms: number;
  max_ms: number;
}

const UNITS_MS: Record<string, number> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

function latency_ms(text: string, label: string): number {
  const found = new RegExp(`${label}\\s+([\\d.]+)(us|ms|s|m)`).exec(text);
  if (!found) throw new Error(`wrk printed no ${label}:\n${text}`);
  return Number(found[1]) * (UNITS_MS[found[2] ?? 'ms'] ?? 1);
}

/**
 * Posts for `seconds` over 16 connections of one thread. `script` is wrk's Lua.
 * @throws Error where wrk is missing, prints nothing to read, or any answer was not 2xx
 */
export async function load(url: string, script: string, seconds: number): Promise<Load> {
  const folder = await mkdtemp(join(tmpdir(), 'vigia-bench-'));
  try {
    const file = join(folder, 'post.lua');
    await writeFile(file, script);
    const { stdout } = await promisify(execFile)('wrk', ['-t1', '-c16', `-d${seconds}s`, '--latency', '-s', file, url]);
    const failed = /Non-2xx or 3xx responses: (\d+)/.exec(stdout) ?? /Socket errors: .*/.exec(stdout);
    if (failed) throw new Error(`${url}: ${failed[0]}`);
    const maximum = /Latency\s+\S+\s+\S+\s+([\d.]+)(us|ms|s|m)/.exec(stdout);
    return {
      requestsPerSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]),
      p50_ms: latency_ms(stdout, '50%'),
      p99_ms: latency_ms(stdout, '99%'),
      max_ms: Number(maximum?.[1]) * (UNITS_MS[maximum?.[2] ?? 'ms'] ?? 1),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const MEASURED = {
  packets_per_second: 82.5,
  bytes_per_second: 61_234,
  bytes_in_per_second: 40_000,
  bytes_out_per_second: 21_234,
  packets: 82,
  bytes: 61_234,
  unique_ips: 7,
  unique_ports: 5,
  tcp_packets: 61,
  udp_packets: 14,
  icmp_packets: 0,
  syn_packets: 24,
  tcp_ratio: 0.81,
  avg_latency_ms: 5,
  max_latency_ms: 15,
  jitter_ms: 1,
  packet_loss_rate: 0.001,
};

/** Lua that posts `count` windows of the size a collector sends, each with an identity of its own, so that each is stored. */
export function windowsScript(count: number): string {
  const sources = Array.from({ length: 5 }, (_, i) => ({
    ip: `203.0.113.${i + 1}`,
    packets: 16,
    bytes: 12_000,
    syn_packets: 4,
    unique_ports: 1,
  }));
  const rest = JSON.stringify({
    host: 'bench',
    group: 'default',
    interface: 'eth0',
    duration_s: 1,
    ...MEASURED,
    sources,
  }).slice(1);
  return `
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
math.randomseed(os.time())
local run, n = math.random(1, 1e9), 0
local rest = [==[${rest}]==]
request = function()
  local parts = {}
  for i = 1, ${count} do
    n = n + 1
    local second = n % 86400
    parts[i] = string.format('{"id":"bench:%d-%d","start":"2026-01-%02dT%02d:%02d:%02d.000Z",', run, n,
      1 + math.floor(n / 86400) % 28, math.floor(second / 3600), math.floor(second / 60) % 60, second % 60) .. rest
  end
  return wrk.format(nil, nil, nil, '{"windows":[' .. table.concat(parts, ',') .. ']}')
end
`;
}

/** Lua that posts one flat object with what the peer reads. */
export function flatScript(): string {
  const { packets_per_second, bytes_per_second, unique_ips, unique_ports, tcp_packets, udp_packets, syn_packets } =
    MEASURED;
  const body = {
    packets_per_second,
    bytes_per_second,
    unique_ips,
    unique_ports,
    tcp_packets,
    udp_packets,
    syn_packets,
  };
  return `wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = [==[${JSON.stringify(body)}]==]\n`;
}
