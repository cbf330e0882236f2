/** Latency, jitter and loss of real connections on a path that is impaired as told. */
import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Impairment } from '../cli/drill/impaired-path.ts';
import { measuredText, measurePath } from '../cli/drill/measured-path.ts';
import { hurry } from '../cli/drill/real-time.ts';
import type { NetworkWindow } from '../contract/network-window.ts';
import { end, finish, observe, start } from './ebpf-link.ts';
import { missing, named, sh } from './ebpf-machine.ts';
import { type ImpairedLink, makeImpairedLink } from './impaired-link.ts';

const reason = missing('ip', 'iperf3', 'sysctl', 'chrt');
const FAR_ADDRESS = '10.213.8.2';
/** 14,000 segments: chance moves a loss of 4 % by more than an eighth of it once in 400 times. */
const TRAFFIC = ['-t', '10', '-P', '8', '-b', '2M', '-l', '16K'];

describe.skipIf(reason)(named('network quality on an impaired path', reason), () => {
  let link: ImpairedLink;
  let server: ChildProcess;

  beforeAll(async () => {
    link = await makeImpairedLink('vgq', '10.213.8');
    server = await start(/listening/, 'ip', 'netns', 'exec', link.namespace, 'iperf3', '-s', '--forceflush');
    hurry(server.pid ?? 0, 'end');
  });
  afterAll(async () => {
    await end(server);
    await link.remove();
  });

  it.each([
    ['in order', false, { timestamps: 0, mostLoss: 1.2 }],
    ['reordered', true, { timestamps: 0, mostLoss: 1.2 }],
    ['in order, with time stamps', false, { timestamps: 1, mostLoss: 1.2 }],
    // TCP throws away itself what a segment sent again has overtaken (RFC 7323, 5.3): docs/window.md says how much more that is.
    ['reordered, with time stamps', true, { timestamps: 1, mostLoss: 2.5 }],
  ] as const)(
    '80 ms ± 20 ms and a loss of 0.04 each way, %s, is measured as such in one window and in seconds',
    async (_, reorders, { timestamps, mostLoss }) => {
      sh('ip', 'netns', 'exec', link.namespace, 'sysctl', '-qw', `net.ipv4.tcp_timestamps=${timestamps}`);
      // Each way 40 ms ± 10 ms, uniform: there and back 80 ms ± 20 ms, of which two samples differ by 9.3 ms on average.
      const impairment: Impairment = { delay_ms: 40, jitter_ms: 10, loss: 0.04, reorders };
      await link.impair(impairment);
      const began_ms = Date.now();
      const whole: NetworkWindow[] = [];
      const { windows } = await observe({ interface: link.near, period_ms: 1000 }, async () => {
        const { windows: one } = await observe({ interface: link.near }, async () => {
          await finish('chrt', '--rr', '10', 'iperf3', '-c', FAR_ADDRESS, ...TRAFFIC);
        });
        whole.push(...one);
      });
      const pooled = measurePath(windows, impairment, began_ms, Date.now());
      const [window] = whole;
      expect(window?.jitter_ms).toBeGreaterThan(0.6 * 9.3);
      expect(pooled.windows).toBeGreaterThan(6);
      for (const { latency_ms, loss } of [
        { latency_ms: window?.avg_latency_ms, loss: window?.packet_loss_rate },
        pooled,
      ]) {
        expect(Math.abs((latency_ms ?? 0) / 80 - 1), measuredText(pooled)).toBeLessThan(0.1);
        expect((loss ?? 0) / 0.04, measuredText(pooled)).toBeGreaterThan(0.8);
        expect((loss ?? 0) / 0.04, measuredText(pooled)).toBeLessThan(mostLoss);
      }
    },
    60_000,
  );
});
