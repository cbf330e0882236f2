/** Windows for tests of their way to the edge. */
import type { NetworkWindow } from '../contract/network-window.ts';

/** The window of second `number`. */
export function made(number: number, fields: Partial<NetworkWindow> = {}): NetworkWindow {
  const name = fields.interface ?? 'eth0';
  return {
    id: `h:${name}:${number}`,
    host: 'h',
    group: 'g',
    interface: name,
    start: new Date(1_700_000_000_000 + 1000 * number).toISOString(),
    duration_s: 1,
    packets: number,
    ...fields,
  };
}
