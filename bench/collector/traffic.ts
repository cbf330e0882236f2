/** The traffic of the collector's benchmarks: streams, replayed captures, floods. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { FAR_ADDRESS, finish, type Link, NEAR_ADDRESS, start } from '../../test/ebpf-link.ts';
import { sh } from '../../test/ebpf-machine.ts';

/** Packets a second of a replayed capture. */
export const RATE = 100_000;

/** From the near end to the far one. @returns Gbit/s */
export async function iperf(link: Link, seconds: number): Promise<number> {
  const server = await start(/listening/, 'ip', ...link.inside, 'iperf3', '-s', '--forceflush');
  try {
    const report = await finish('iperf3', '-J', '-c', FAR_ADDRESS, '-t', String(seconds), '-O', '1');
    return JSON.parse(report).end.sum_received.bits_per_second / 1e9;
  } finally {
    server.kill('SIGKILL');
  }
}

/** As on a wire: frames of 1,500 bytes, no large packets that the kernel would cut or join. */
export function frameSized(link: Link): void {
  const features = ['tso', 'off', 'gso', 'off', 'gro', 'off'];
  sh('ip', 'link', 'set', link.near, 'mtu', '1500');
  sh('ip', '-n', link.namespace, 'link', 'set', link.far, 'mtu', '1500');
  sh('ethtool', '-K', link.near, ...features);
  sh('ip', ...link.inside, 'ethtool', '-K', link.far, ...features);
}

/** Arguments of tcpreplay for a capture over and over, at `RATE` or as fast as it can. */
export const replaying = (file: string, name: string, seconds: number, speed = `--pps=${RATE}`): string[] => [
  ...['-q', '-K', speed, `--duration=${seconds}`, '--loop=0', '-i', name, file],
];

/** Replays a capture to the near end as fast as one process can. @returns packets a second */
export async function topSpeed(link: Link, file: string, seconds: number): Promise<number> {
  const report = await finish('ip', ...link.inside, 'tcpreplay', ...replaying(file, link.far, seconds, '--topspeed'));
  const [, packets, elapsed_s] = /Actual: (\d+) packets .* sent in ([\d.]+) seconds/.exec(report) ?? [];
  return Number(packets) / Number(elapsed_s);
}

/** Replays a capture to the near end or out of it. */
export async function replay(link: Link, file: string, way: 'in' | 'out', seconds: number): Promise<void> {
  if (way === 'in') await finish('ip', ...link.inside, 'tcpreplay', ...replaying(file, link.far, seconds));
  else await finish('tcpreplay', ...replaying(file, link.near, seconds));
}

/** SYNs from addresses drawn at random, as fast as one process can send them. */
export async function flood(link: Link, seconds: number): Promise<void> {
  const options = ['-q', '-S', '-p', '80', '--flood', '--rand-source', NEAR_ADDRESS];
  const child = spawn('ip', [...link.inside, 'hping3', ...options], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  await sleep(1000 * seconds);
  child.kill('SIGINT');
  await exited;
}
