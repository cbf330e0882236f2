/** Posts to one server as fast as it answers, and says how fast that was and what it cost the server. */
import { KeepAlive } from './keep-alive.ts';
import { cpu_ms } from './process-times.ts';
import { quantile } from './statistics.ts';

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

/** @throws Error at the first answer that is not 200 */
export async function load(target: Target, shape: Shape, seconds: number): Promise<Load> {
  const client = new KeepAlive(target.url, target.headers, shape.connections);
  const times_ms: number[] = [];
  const used_ms = (): number => target.pids().reduce((sum, pid) => sum + cpu_ms(pid), 0);
  const before_ms = used_ms();
  const began_ms = performance.now();
  const until_ms = began_ms + 1000 * seconds;
  const one = async (): Promise<void> => {
    while (performance.now() < until_ms) {
      const { status, text, took_ms } = await client.post(shape.body());
      if (status !== 200) throw new Error(`${target.name}: ${status} ${text}`);
      times_ms.push(took_ms);
    }
  };
  try {
    await Promise.all(Array.from({ length: shape.connections }, one));
  } finally {
    client.close();
  }
  const took_s = (performance.now() - began_ms) / 1000;
  return {
    windowsPerSecond: (times_ms.length * shape.windows) / took_s,
    p50_ms: quantile(times_ms, 0.5),
    p99_ms: quantile(times_ms, 0.99),
    max_ms: Math.max(...times_ms),
    cpu_us_per_post: (1000 * (used_ms() - before_ms)) / times_ms.length,
  };
}
