/** The windows of a bulk body as objects of one shape: written out, since V8 makes those ten times faster than by names in a loop. */
import type { NetworkWindow, Recent } from '../network-window.ts';
import { ABSENT, measuredOf } from './column.ts';
import type { ColumnTable } from './column-table.ts';
import type { ColumnsHeader } from './format.ts';
import { InstantText } from './instant-text.ts';
import type { SideTables } from './side-tables.ts';

/** Compiles only while every field of the schema is written. */
type Whole<T> = T & Record<keyof T, unknown>;

/** A value that breaks the schema is kept as it is; text that is missing is empty. */
export function rowsOf({ ids, series }: ColumnsHeader, table: ColumnTable, sides: SideTables): NetworkWindow[] {
  const place = table.column('series');
  const start_ms = table.column('start_ms');
  const duration_s = table.column('duration_s');
  const packets = table.column('packets');
  const bytes = table.column('bytes');
  const packets_per_second = table.column('packets_per_second');
  const bytes_per_second = table.column('bytes_per_second');
  const bytes_in_per_second = table.column('bytes_in_per_second');
  const bytes_out_per_second = table.column('bytes_out_per_second');
  const unique_ips = table.column('unique_ips');
  const unique_ports = table.column('unique_ports');
  const tcp_packets = table.column('tcp_packets');
  const udp_packets = table.column('udp_packets');
  const icmp_packets = table.column('icmp_packets');
  const syn_packets = table.column('syn_packets');
  const tcp_ratio = table.column('tcp_ratio');
  const avg_latency_ms = table.column('avg_latency_ms');
  const max_latency_ms = table.column('max_latency_ms');
  const jitter_ms = table.column('jitter_ms');
  const packet_loss_rate = table.column('packet_loss_rate');
  const recentAt = recentOf(table, sides);
  const instant = new InstantText();
  return ids.map((id, row): Whole<NetworkWindow> => {
    const [host, group, name] = series[place[row] ?? 0] ?? ['', '', ''];
    return {
      id,
      host,
      group,
      interface: name,
      start: instant.of(start_ms[row] ?? 0),
      duration_s: duration_s[row] ?? 0,
      packets: measuredOf(packets[row]),
      bytes: measuredOf(bytes[row]),
      packets_per_second: measuredOf(packets_per_second[row]),
      bytes_per_second: measuredOf(bytes_per_second[row]),
      bytes_in_per_second: measuredOf(bytes_in_per_second[row]),
      bytes_out_per_second: measuredOf(bytes_out_per_second[row]),
      unique_ips: measuredOf(unique_ips[row]),
      unique_ports: measuredOf(unique_ports[row]),
      tcp_packets: measuredOf(tcp_packets[row]),
      udp_packets: measuredOf(udp_packets[row]),
      icmp_packets: measuredOf(icmp_packets[row]),
      syn_packets: measuredOf(syn_packets[row]),
      tcp_ratio: measuredOf(tcp_ratio[row]),
      avg_latency_ms: measuredOf(avg_latency_ms[row]),
      max_latency_ms: measuredOf(max_latency_ms[row]),
      jitter_ms: measuredOf(jitter_ms[row]),
      packet_loss_rate: measuredOf(packet_loss_rate[row]),
      sources: sides.sources[row],
      recent: recentAt(row),
    };
  });
}

function recentOf(table: ColumnTable, { scanners }: SideTables): (row: number) => Recent | undefined {
  const over_s = table.column('recent.over_s');
  const bytes_in_per_second = table.column('recent.bytes_in_per_second');
  const bytes_out_per_second = table.column('recent.bytes_out_per_second');
  return (row): Whole<Recent> | undefined => {
    const over = over_s[row] ?? ABSENT;
    const list = scanners[row];
    if (over === ABSENT && list === undefined) return undefined;
    return {
      over_s: over,
      bytes_in_per_second: measuredOf(bytes_in_per_second[row]),
      bytes_out_per_second: measuredOf(bytes_out_per_second[row]),
      scanners: list ?? [],
    };
  };
}
