/** What the capture reader makes of single frames, to compare with what the kernel counts. */
import { DIRECTION, type Frame, LINK } from '../collector/capture/frame.ts';
import { LocalSide } from '../collector/window/local-side.ts';
import { Packet, PROTOCOL } from '../collector/window/packet.ts';
import type { QualityCounts } from '../collector/window/quality.ts';
import { RoundTrips } from '../collector/window/round-trips.ts';
import { WindowBuilder } from '../collector/window/window-builder.ts';
import type { NetworkWindow } from '../contract/network-window.ts';
import type { Direction } from './ebpf-frames.ts';

/** All in one window: from 1970 on, for three centuries. */
const PERIOD_MS = 1e13;

/**
 * The window of Ethernet frames, and what they tell of the path.
 * @param times_us when each came, rising; without them they all came at once
 */
export function readingOf(
  frames: readonly (readonly [Direction, Uint8Array])[],
  times_us: readonly number[] = [],
): { window: NetworkWindow; quality: QualityCounts; parse_errors: number } {
  const settings = { host: 'h', group: 'g', interface: 'i', period_ms: PERIOD_MS, identify: () => 'w' };
  const builder = new WindowBuilder(settings, new LocalSide([]));
  const packet = new Packet();
  const roundTrips = new RoundTrips();
  for (const [i, [direction, data]] of frames.entries()) {
    const time_us = times_us[i] ?? 1;
    const frame: Frame = {
      ...{ data, start: 0, end: data.length, originalBytes: data.length, time_us, linkType: LINK.ethernet },
      direction: DIRECTION[direction],
    };
    builder.add(frame);
    packet.read(frame);
    if (packet.addressed && packet.hasPorts && packet.protocol === PROTOCOL.tcp)
      roundTrips.add(packet, direction === 'out', time_us);
  }
  builder.end();
  const [window] = builder.take();
  if (!window) throw new Error('no frame, no window');
  return { window, quality: roundTrips.counts, parse_errors: builder.losses().parse_error };
}
