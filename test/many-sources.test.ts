/** Attacks come from more addresses than anybody can hold: what the edge keeps of them is bounded. */
import { readFileSync } from 'node:fs';
import { expect, it, onTestFinished } from 'vitest';
import { workerdChildren } from '../cli/edge/watchdog.ts';
import { scanWindow, testEdge } from './edge-fixture.ts';

it('an attack from a million addresses leaves memory and incidents bounded', async () => {
  const edge = await testEdge();
  onTestFinished(() => edge.remove());
  const resident_mib = (): number =>
    workerdChildren().reduce((sum, pid) => {
      const [, kib = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
      return sum + Number(kib) / 1024;
    }, 0);
  let next = 0;
  const address = (): string => {
    const n = next++;
    return `${11 + (n >> 20)}.${(n >> 16) & 15}.${(n >> 8) & 255}.${n & 255}`;
  };
  const post = async (): Promise<void> => {
    const windows = Array.from({ length: 500 }, () =>
      scanWindow('192.0.2.1', {
        group: 'flood',
        sources: Array.from({ length: 10 }, () => ({ ip: address(), packets: 110, bytes: 6_600, syn_packets: 45 })),
      }),
    );
    await edge.detect(windows);
  };
  for (let i = 0; i < 20; i++) await post();
  const warm_mib = resident_mib();
  for (let i = 20; i < 200; i++) await post();
  expect(next).toBe(1_000_000);
  expect(resident_mib() - warm_mib).toBeLessThan(256);
  const answer = await fetch(`${edge.url}/incidents?group=flood`);
  expect((await answer.text()).length).toBeLessThan(200_000);
}, 120_000);
