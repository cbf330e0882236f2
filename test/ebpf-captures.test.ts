/** Replayed captures and generated traffic: the eBPF source counts what tcpdump counts on the same interface, however windows fall. */
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ethernet, ICMP6, ipv4, ipv6, pcapFile, SYN, TCP, tcp, UDP, udp } from './ebpf-frames.ts';
import { type Countable, end, finish, type Link, makeLink, observe, programs, start, total } from './ebpf-link.ts';
import { CAPTURES, missing, named, sh } from './ebpf-machine.ts';

const reason =
  missing('ip', 'tc', 'sysctl', 'tcpdump', 'tcpreplay', 'capinfos') ||
  (existsSync(CAPTURES) ? '' : 'needs the shared captures');

/** Slow enough for the receiving end's backlog of 1,000 frames on a busy machine. */
const PACKETS_PER_SECOND = 20_000;

/** Frames and bytes of a pcap file that tcpdump wrote on this machine; bytes by the original lengths. */
function pcapTotals(file: string): { packets: number; bytes: number } {
  const pcap = readFileSync(file);
  let packets = 0;
  let bytes = 0;
  for (let at = 24; at < pcap.length; at += 16 + pcap.readUInt32LE(at + 8)) {
    packets++;
    bytes += pcap.readUInt32LE(at + 12);
  }
  return { packets, bytes };
}

/** What the folder's index says of a capture: its SYNs, and its packets by protocol. */
function indexed(capture: string): Record<'syn_packets' | 'tcp_packets' | 'udp_packets' | 'icmp_packets', number> {
  const lines = readFileSync(join(CAPTURES, 'index.csv'), 'utf8').split('\n');
  const line = lines.find((line) => line.startsWith(`${capture},`)) ?? '';
  const columns = [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)].map(([, column]) => column ?? '');
  const of = (protocol: string) => Number(new RegExp(`\\b${protocol}:(\\d+)`).exec(columns[14] ?? '')?.[1] ?? 0);
  return {
    syn_packets: Number(columns[13]),
    tcp_packets: of('tcp'),
    udp_packets: of('udp'),
    icmp_packets: of('icmp') + of('icmp6'),
  };
}

describe.skipIf(reason)(named('captures replayed into a veth pair', reason), () => {
  const folder = mkdtempSync(join(tmpdir(), 'vigia-captures-'));
  let link: Link;
  beforeAll(() => {
    link = makeLink('c');
  });
  afterAll(() => {
    link.remove();
    rmSync(folder, { recursive: true });
  });

  /** Counts of tcpdump and of the source while `send` runs. */
  async function both(period_ms: number, send: () => Promise<unknown>) {
    const file = join(folder, 'seen.pcap');
    const dump = await start(
      /listening on/,
      ...(['tcpdump', '-i', link.near, '-w', file, '-U', '--immediate-mode', '-s', '64', '-B', '65536'] as const),
    );
    let complaint = '';
    dump.stderr?.on('data', (chunk) => (complaint += chunk));
    const { source, windows } = await observe({ interface: link.near, period_ms }, async () => {
      await send();
      await delay(300);
    });
    await end(dump);
    expect(complaint).toMatch(/\b0 packets dropped by kernel/);
    return { seen: pcapTotals(file), source, windows };
  }

  const captures = reason ? [] : globSync('*/*.pcap*', { cwd: CAPTURES }).sort();
  it('cover all 25 of the folder', () => expect(captures.length).toBe(25));

  it.each(
    captures,
  )('%s: packets and bytes equal those of tcpdump, protocols and SYNs those of the index', async (capture) => {
    const file = join(CAPTURES, capture);
    const [, encapsulation, count] = sh('capinfos', '-T', '-r', '-E', '-c', file).trim().split('\t');
    expect(encapsulation).toBe('ether');
    const replay = ['tcpreplay', '-q', '-K', `--pps=${PACKETS_PER_SECOND}`, '-i', link.far, file];
    const { seen, windows, source } = await both(100, () => finish('ip', ...link.inside, ...replay));
    expect(seen.packets).toBeGreaterThanOrEqual(Number(count));
    expect({ packets: total(windows, 'packets'), bytes: total(windows, 'bytes') }).toEqual(seen);
    for (const [field, count] of Object.entries(indexed(capture)))
      expect([field, total(windows, field as Countable)]).toEqual([field, count]);
    expect(source.losses()).toMatchObject({ window_read_failed: 0, parse_error: 0 });
  });

  it('VLAN, QinQ, IPv6 with extension headers, fragments and frames of 60,000 bytes are counted as tcpdump sees them', async () => {
    const file = join(folder, 'tagged.pcap');
    const [a, b] = ['192.0.2.1', '198.51.100.2'];
    const syn = (port: number) => ipv4({ from: a, to: b, protocol: TCP }, tcp(999, port, SYN));
    const options = [TCP, 0, 1, 4, 0, 0, 0, 0, ...tcp(999, 4, SYN)];
    writeFileSync(
      file,
      pcapFile([
        ethernet(0x0800, syn(1), [0x8100]),
        ethernet(0x0800, syn(2), [0x88a8, 0x8100]),
        ethernet(0x0800, syn(3), [0x88a8, 0x8100, 0x8100]),
        ethernet(0x86dd, ipv6('2001:db8::1', '2001:db8::2', 60, options), [0x8100]),
        ethernet(0x86dd, ipv6('2001:db8::1', 'ff02::1', ICMP6, [135, 0, 0, 0])),
        ethernet(0x0800, ipv4({ from: a, to: b, protocol: UDP, fragment: 0x2000 }, udp(999, 5, 1000))),
        ethernet(0x0800, ipv4({ from: a, to: b, protocol: UDP, fragment: 126 }, new Array(500).fill(1))),
        ethernet(0x0800, ipv4({ from: a, to: b, protocol: UDP }, udp(999, 6, 60_000))),
        ethernet(0x0806, new Array(28).fill(0)),
      ]),
    );
    const replay = ['tcpreplay', '-q', '-K', '--pps=1000', '-i', link.far, file];
    const { seen, windows, source } = await both(3_600_000, () => finish('ip', ...link.inside, ...replay));
    const [window] = windows;
    expect({ packets: window?.packets, bytes: window?.bytes }).toEqual(seen);
    expect(window).toMatchObject({ packets: 9, syn_packets: 3, tcp_packets: 3, udp_packets: 3, icmp_packets: 1 });
    expect(window).toMatchObject({ unique_ips: 2, unique_ports: 5 });
    expect(source.losses().parse_error).toBe(0);
  });

  it.each([100, 10])('windows of %i ms at full speed lose nothing and count nothing twice', async (period_ms) => {
    const file = join(CAPTURES, 'benign/zeek__smb2_100_small_files.pcap');
    let sent = '';
    const { windows } = await observe({ interface: link.near, period_ms }, async () => {
      sent = await finish('tcpreplay', '-q', '-K', '-t', '-l', '600', '-i', link.near, file);
    });
    const [, packets, bytes] = /Actual: (\d+) packets \((\d+) bytes\) sent/.exec(sent) ?? [];
    expect(Number(packets)).toBe(600 * 979);
    expect([total(windows, 'packets'), total(windows, 'bytes')]).toEqual([Number(packets), Number(bytes)]);
    expect(windows.length).toBeGreaterThan(5);
    expect(windows.filter((window) => (window.packets ?? 0) > 0).length).toBeGreaterThan(3);
    expect(new Set(windows.map(({ id }) => id)).size).toBe(windows.length);
  });

  it('two processors that count the same addresses at once lose nothing of either', async () => {
    const file = join(CAPTURES, 'benign/zeek__smb2_100_small_files.pcap');
    const replay = ['-q', '-K', '-t', '-l', '200', '-i'];
    const { windows } = await observe({ interface: link.near, period_ms: 50 }, async () => {
      const incoming = finish('ip', ...link.inside, 'tcpreplay', ...replay, link.far, file);
      await Promise.all([incoming, finish('tcpreplay', ...replay, link.near, file)]);
    });
    expect(total(windows, 'packets')).toBeGreaterThan(200 * 979);
    for (const { packets, bytes, sources = [] } of windows) {
      expect(sources.reduce((sum, source) => sum + source.packets, 0)).toBe(packets);
      expect(sources.reduce((sum, source) => sum + source.bytes, 0)).toBe(bytes);
    }
  });

  it('a process that cannot rotate in time reports longer windows, and loses nothing', async () => {
    const file = join(CAPTURES, 'benign/zeek__smb2_100_small_files.pcap');
    const { windows, seen } = await both(100, async () => {
      const sending = finish(
        'ip',
        ...link.inside,
        'tcpreplay',
        '-q',
        '-K',
        '--pps=5000',
        '-l',
        '6',
        '-i',
        link.far,
        file,
      );
      await delay(300);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
      await sending;
    });
    expect({ packets: total(windows, 'packets'), bytes: total(windows, 'bytes') }).toEqual(seen);
    expect(seen.packets).toBe(6 * 979);
    const longest_s = Math.max(...windows.map(({ duration_s }) => duration_s));
    expect(longest_s).toBeGreaterThan(0.4);
    for (const [i, { start, duration_s }] of windows.slice(0, -1).entries())
      expect(Math.abs(Date.parse(start) + 1000 * duration_s - Date.parse(windows[i + 1]!.start))).toBeLessThan(100);
  });

  it('clsact filters, as on kernels before 6.6, count the same and are removed', async () => {
    const file = join(CAPTURES, 'benign/zeek__ssh.pcap');
    const before = programs(link.near);
    const replay = ['tcpreplay', '-q', '-K', `--pps=${PACKETS_PER_SECOND}`, '-i', link.far, file];
    const { windows, source } = await observe({ interface: link.near, hook: 'clsact' }, async () => {
      await finish('ip', ...link.inside, ...replay);
    });
    expect([total(windows, 'packets'), total(windows, 'bytes')]).toEqual([1797, 1_291_435]);
    expect(source.losses().parse_error).toBe(0);
    expect(programs(link.near)).toBe(before);
  });
});
