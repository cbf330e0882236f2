/** Windows from Zeek's conn.log: what a minute of one host's flows says of the features of a window. */
import type { NetworkWindow, Source } from '../../contract/network-window.ts';

/** One flow, as far as windows are made from it. */
export interface Flow {
  readonly start_s: number;
  readonly originator: string;
  readonly responder: string;
  readonly responderPort: number;
  readonly protocol: string;
  readonly history: string;
  readonly isOut: boolean;
  readonly packets: readonly [originator: number, responder: number];
  readonly bytes: readonly [originator: number, responder: number];
  readonly malicious: boolean;
}

type Fields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Reads the tab-separated and the JSON form. @throws Error on a tab-separated log without `#fields` */
export function readFlows(text: string): Flow[] {
  let names: string[] | null = null;
  return text.split('\n').flatMap((line): Flow[] => {
    if (line.startsWith('#fields')) names = line.split('\t').slice(1);
    if (line === '' || line.startsWith('#')) return [];
    if (line.startsWith('{')) return [flowOf(JSON.parse(line) as Fields)];
    if (names === null) throw new Error('the log has no #fields before its first flow');
    const values = line.split('\t');
    return [flowOf(Object.fromEntries(names.map((name, i) => [name, values[i] === '-' ? undefined : values[i]])))];
  });
}

function flowOf(fields: Fields): Flow {
  const number = (name: string): number => Number(fields[name] ?? 0);
  const local = fields.local_orig;
  return {
    start_s: number('ts'),
    originator: String(fields['id.orig_h']),
    responder: String(fields['id.resp_h']),
    responderPort: number('id.resp_p'),
    protocol: String(fields.proto),
    history: String(fields.history ?? ''),
    isOut: local === 'T' || local === true,
    packets: [number('orig_pkts'), number('resp_pkts')],
    bytes: [number('orig_ip_bytes'), number('resp_ip_bytes')],
    malicious: fields.label === 'Malicious',
  };
}

/** A window per period from the first to the last start of a flow; a flow counts where it began. Latency and loss are not known. */
export function windowsOfFlows(flows: readonly Flow[], host: string, period_s: number): NetworkWindow[] {
  const byPeriod = Map.groupBy(flows, ({ start_s }) => Math.floor(start_s / period_s));
  const periods = [...byPeriod.keys()];
  const [first, last] = [Math.min(...periods), Math.max(...periods)];
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) =>
    windowOf(byPeriod.get(first + i) ?? [], host, first + i, period_s),
  );
}

function windowOf(flows: readonly Flow[], host: string, period: number, period_s: number): NetworkWindow {
  const sum = (of: (flow: Flow) => number, among = flows): number => among.reduce((total, flow) => total + of(flow), 0);
  const packetsOf = ({ packets }: Flow): number => packets[0] + packets[1];
  const bytesOf = ({ bytes }: Flow): number => bytes[0] + bytes[1];
  const ofProtocol = (name: string): number =>
    sum(
      packetsOf,
      flows.filter(({ protocol }) => protocol === name),
    );
  const isSyn = ({ protocol, history }: Flow): boolean => protocol === 'tcp' && history.startsWith('S');
  const remotes = Map.groupBy(flows, ({ isOut, originator, responder }) => (isOut ? responder : originator));
  const sources = [...remotes].map(
    ([ip, own]): Source => ({
      ip,
      packets: sum(packetsOf, own),
      bytes: sum(bytesOf, own),
      syn_packets: own.filter((flow) => !flow.isOut && isSyn(flow)).length,
      unique_ports: new Set(own.filter(({ isOut }) => !isOut).map(({ responderPort }) => responderPort)).size,
    }),
  );
  const [tcp, udp] = [ofProtocol('tcp'), ofProtocol('udp')];
  const out = sum(({ isOut, bytes }) => (isOut ? bytes[0] : bytes[1]));
  const [packets, bytes] = [sum(packetsOf), sum(bytesOf)];
  return {
    id: `${host}:${period}`,
    host,
    group: 'default',
    interface: 'flows',
    start: new Date(1000 * period * period_s).toISOString(),
    duration_s: period_s,
    packets,
    bytes,
    packets_per_second: packets / period_s,
    bytes_per_second: bytes / period_s,
    bytes_in_per_second: (bytes - out) / period_s,
    bytes_out_per_second: out / period_s,
    unique_ips: remotes.size,
    unique_ports: new Set(flows.map(({ responderPort }) => responderPort)).size,
    tcp_packets: tcp,
    udp_packets: udp,
    syn_packets: flows.filter(isSyn).length,
    tcp_ratio: tcp + udp === 0 ? 0.5 : tcp / (tcp + udp),
    sources: sources.sort((a, b) => b.packets - a.packets).slice(0, 10),
  };
}
