/** What the capture reader makes of single frames, to compare with what the kernel counts. */
import { DIRECTION, LINK } from '../collector/capture/frame.ts';
import { LocalSide } from '../collector/window/local-side.ts';
import { WindowBuilder } from '../collector/window/window-builder.ts';
import type { NetworkWindow } from '../contract/network-window.ts';
import type { Direction } from './ebpf-frames.ts';

/** All in one window: from 1970 on, for three centuries. */
const PERIOD_MS = 1e13;

/** The window of frames that all came at once. */
export function readingOf(frames: readonly (readonly [Direction, Uint8Array])[]): {
  window: NetworkWindow;
  parse_errors: number;
} {
  const settings = { host: 'h', group: 'g', interface: 'i', period_ms: PERIOD_MS, identify: () => 'w' };
  const builder = new WindowBuilder(settings, new LocalSide([]));
  for (const [direction, data] of frames)
    builder.add({
      ...{ data, start: 0, end: data.length, originalBytes: data.length, time_us: 1, linkType: LINK.ethernet },
      direction: DIRECTION[direction],
    });
  builder.end();
  const [window] = builder.take();
  if (!window) throw new Error('no frame, no window');
  return { window, parse_errors: builder.losses().parse_error };
}
