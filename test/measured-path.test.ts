/** What a drill says of its path: over the windows of that time, pooled, and within bounds or not. */
import { describe, expect, it } from 'vitest';
import { netemOf } from '../cli/drill/laid-path.ts';
import { measuredText, measurePath } from '../cli/drill/measured-path.ts';
import type { NetworkWindow } from '../contract/network-window.ts';
import { made } from './made-windows.ts';

const START_MS = Date.parse('2026-01-01T00:00:00Z');
const SET = { delay_ms: 40, jitter_ms: 10, loss: 0.04, reorders: false };

const window = (second: number, quality: Partial<NetworkWindow>): NetworkWindow => ({
  ...made(second),
  start: new Date(START_MS + 1000 * second).toISOString(),
  ...{ duration_s: 1, bytes_out_per_second: 1000, avg_latency_ms: 80, packet_loss_rate: 0.04, ...quality },
});
const measured = (...windows: NetworkWindow[]) => measurePath(windows, SET, START_MS, START_MS + 10_000);
const seconds = (count: number, quality: Partial<NetworkWindow> = {}) =>
  [...Array(count).keys()].map((second) => window(second, quality));

describe('a measured path', () => {
  it('has the median latency and the loss by bytes of the windows within its time', () => {
    const path = measured(
      window(-1, { avg_latency_ms: 1, packet_loss_rate: 0 }),
      ...seconds(4, { avg_latency_ms: 82, packet_loss_rate: 0.03 }),
      window(4, { avg_latency_ms: 300, packet_loss_rate: 0.08, bytes_out_per_second: 2000 }),
      window(5, { packet_loss_rate: null }),
      window(9.5, { avg_latency_ms: 1, packet_loss_rate: 1 }),
    );
    expect(path).toMatchObject({ latency_ms: 82, windows: 5, isWithinBounds: true });
    expect(path.loss).toBeCloseTo((4 * 0.03 + 2 * 0.08) / 6);
    expect(measuredText(path)).toBe(
      'in order: latency 82.0 ms of 80 ms set (+2.5 %), loss 4.7 % of 4 % set (+16.7 %), over 5 windows',
    );
  });

  it.each([
    ['as it was set', {}, true],
    ['a tenth slower', { avg_latency_ms: 87.9 }, true],
    ['more than that', { avg_latency_ms: 88.1 }, false],
    ['a tenth faster and more', { avg_latency_ms: 71.9 }, false],
    ['with a fifth more loss', { packet_loss_rate: 0.0479 }, true],
    ['with more than that', { packet_loss_rate: 0.0481 }, false],
    ['with less than four fifths', { packet_loss_rate: 0.0319 }, false],
  ])('is within bounds or not: %s', (_, quality, isWithinBounds) => {
    const path = measured(...seconds(5, quality));
    expect(path.isWithinBounds).toBe(isWithinBounds);
    expect(measuredText(path).includes('OUTSIDE 10 % of latency or 20 % of loss')).toBe(!isWithinBounds);
  });

  it('of fewer than four windows is not measured', () => {
    expect(measured(...seconds(3)).isWithinBounds).toBe(false);
    expect(measuredText(measured())).toMatch(/latency not measured \(80 ms set\), loss not measured \(4 % set\)/);
  });
});

describe('netem', () => {
  it('is told the same', () => {
    expect(netemOf({ ...SET, reorders: true }).join(' ')).toBe('netem limit 20000 delay 40ms 10ms loss random 4%');
  });
});
