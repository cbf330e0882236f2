/** The source `ebpf:IFACE`: windows of a live interface, counted in the kernel. */
import type { NetworkWindow } from '../../contract/network-window.ts';
import type { Blocking } from '../block/blocking.ts';
import { KernelError } from '../kernel/libbpf.ts';
import { InterfaceObserver } from '../kernel/observer.ts';
import { ownCapabilitiesMissing } from '../kernel/privileges.ts';
import type { OnOpened } from '../kernel/top-sources.ts';
import type { WindowCounts } from '../kernel/window-counts.ts';
import { TrafficTotals } from '../metrics/traffic.ts';
import { shippedFile } from '../shipped-file.ts';
import { qualityOf } from '../window/quality.ts';
import { RecentMemory } from '../window/recent.ts';
import { type Clock, systemClock } from './clock.ts';
import { explain } from './ebpf-failure.ts';
import { type LossReason, SourceError, type WindowSource } from './source.ts';

export interface EbpfSpec {
  /** Name of the interface in this network namespace. */
  interface: string;
  /** What windows call it; default: its name. */
  label?: () => string;
  /** Length of a window; windows end on its multiples by the wall clock. */
  period_ms: number;
  host: string;
  group: string;
  /** The compiled programs; default: the file beside their source. */
  object?: Uint8Array;
  /** Room of a window for remote addresses in the kernel; default: 16,384, of 8 MB. */
  addresses?: number;
  /** Whose blocks hold on this interface too. */
  blocking?: Blocking | undefined;
  /** `clsact` forces what kernels before 6.6 get anyway. */
  hook?: 'clsact';
}

type Losses = Record<
  Extract<
    LossReason,
    | 'parse_error'
    | 'source_not_tracked'
    | 'source_not_remembered'
    | 'port_not_remembered'
    | 'conversation_evicted'
    | 'flow_evicted'
    | 'window_read_failed'
  >,
  number
>;

/** An instant by both clocks. */
interface Instant {
  wall_ms: number;
  monotonic_ns: bigint;
}

/**
 * Counts what crosses an interface and yields one window a period; see docs/window.md.
 * The programs go on counting while a window is read or the consumer is busy: a window may come late and long, but nothing is lost.
 */
export function ebpfSource(spec: EbpfSpec, clock: Clock = systemClock): WindowSource {
  const name = `ebpf:${spec.interface}`;
  const losses: Losses = {
    parse_error: 0,
    source_not_tracked: 0,
    source_not_remembered: 0,
    port_not_remembered: 0,
    conversation_evicted: 0,
    flow_evicted: 0,
    window_read_failed: 0,
  };
  const totals = new TrafficTotals();
  const labelled = (): string => spec.label?.() ?? interfaceLabel(spec.interface);
  const now = (): Instant => ({ wall_ms: clock.wall_ms(), monotonic_ns: clock.monotonic_ns() });

  async function* windows(stop: AbortSignal): AsyncGenerator<NetworkWindow, void, void> {
    const observer = await open(name, spec, clock);
    const recent = new RecentMemory();
    spec.blocking?.attach(observer.blocks);
    try {
      const identify = identities(spec, clock.monotonic_ns());
      let start = now();
      for (let last = false; !last; ) {
        await clock.sleep(untilBoundary_ms(start.wall_ms, clock.wall_ms(), spec.period_ms), stop);
        const gone = !observer.present();
        last = stop.aborted || gone;
        const read = observer.rotate();
        const end = now();
        const ended_ms = end.wall_ms;
        const opened: OnOpened = (address, ports) => recent.opened(address, ports, ended_ms);
        const counts = await reading(name, () => read(opened), losses);
        if (counts) totals.add(counts);
        losses.source_not_remembered = recent.notRemembered;
        losses.port_not_remembered = recent.portsNotRemembered;
        if (counts) yield toWindow(spec, labelled(), identify(start.wall_ms), start, end, counts, recent);
        start = end;
        if (gone && !stop.aborted) throw vanished(name);
      }
    } finally {
      spec.blocking?.detach(observer.blocks);
      observer.close();
    }
  }

  return { spec: name, windows, losses: () => ({ ...losses }), traffic: () => [totals.of(labelled())] };
}

/** @throws XdpRefusedError, LinkTypeError */
function dropEarly(observer: InterfaceObserver): void {
  try {
    observer.dropEarly();
  } catch (error) {
    observer.close();
    throw error;
  }
}

async function open(name: string, spec: EbpfSpec, clock: Clock): Promise<InterfaceObserver> {
  const file = spec.object ?? shippedFile('../bpf/vigia.bpf.o', import.meta.url);
  try {
    const observer = new InterfaceObserver(spec.interface, file, clock.monotonic_ns(), spec.hook, spec.addresses);
    if (spec.blocking?.hook === 'xdp') dropEarly(observer);
    return observer;
  } catch (error) {
    throw explain(name, error);
  }
}

/** Reads one window; a failed reading is counted and the source goes on, unless the right to read was taken away. */
async function reading(
  name: string,
  read: () => Promise<WindowCounts>,
  losses: Losses,
): Promise<WindowCounts | undefined> {
  try {
    const counts = await read();
    losses.parse_error += counts.parse_errors;
    losses.source_not_tracked += counts.sources_not_tracked;
    losses.conversation_evicted += counts.conversations_evicted;
    losses.flow_evicted += counts.flows_evicted;
    return counts;
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    losses.window_read_failed++;
    if (ownCapabilitiesMissing().length > 0) throw explain(name, error);
    return undefined;
  }
}

const vanished = (name: string): SourceError =>
  new SourceError(
    name,
    'the interface has vanished',
    'The windows up to then are out; start again when it is back (under systemd: Restart=on-failure)',
  );

/** Time until the window ends: at the first multiple of the period that makes it at least half a period long. */
function untilBoundary_ms(start_ms: number, now_ms: number, period_ms: number): number {
  const end_ms = Math.ceil((start_ms + period_ms / 2) / period_ms) * period_ms;
  // A wall clock that was set back must not stretch the window.
  return Math.min(Math.max(end_ms - now_ms, 0), 1.5 * period_ms);
}

/** Identities that stay unique when the wall clock steps back and when a second collector observes the same interface. */
function identities(spec: EbpfSpec, run: bigint): (start_ms: number) => string {
  const suffix = run.toString(36).slice(-4);
  let last_ms = 0;
  return (start_ms) => {
    last_ms = Math.max(start_ms, last_ms + 1);
    return `${spec.host}:${interfaceLabel(spec.interface)}:${last_ms.toString(36)}-${suffix}`;
  };
}

/** Linux allows almost any character in an interface's name; the contract does not. */
export const interfaceLabel = (name: string): string =>
  name.replace(/^[^A-Za-z0-9]/, 'x').replace(/[^A-Za-z0-9._:@-]/g, '_');

function toWindow(
  spec: EbpfSpec,
  label: string,
  id: string,
  start: Instant,
  end: Instant,
  counts: WindowCounts,
  recent: RecentMemory,
): NetworkWindow {
  const duration_s = Math.max(Number(end.monotonic_ns - start.monotonic_ns), 1) / 1e9;
  const packets = counts.packets_in + counts.packets_out;
  const bytes = counts.bytes_in + counts.bytes_out;
  const transport = counts.tcp_packets + counts.udp_packets;
  return {
    id,
    host: spec.host,
    group: spec.group,
    interface: label,
    start: new Date(start.wall_ms).toISOString(),
    duration_s,
    packets,
    bytes,
    packets_per_second: packets / duration_s,
    bytes_per_second: bytes / duration_s,
    bytes_in_per_second: counts.bytes_in / duration_s,
    bytes_out_per_second: counts.bytes_out / duration_s,
    unique_ips: counts.unique_ips,
    unique_ports: counts.unique_ports,
    tcp_packets: counts.tcp_packets,
    udp_packets: counts.udp_packets,
    icmp_packets: counts.icmp_packets,
    syn_packets: counts.syn_packets,
    tcp_ratio: transport === 0 ? 0.5 : counts.tcp_packets / transport,
    ...qualityOf(counts),
    sources: counts.sources,
    recent: recent.at(end.wall_ms, duration_s, { in: counts.bytes_in, out: counts.bytes_out }),
  };
}
