/** `pcap:-` and `pcap:-:IFACE`, what counts packets where eBPF does not run: a real tcpdump piped into a real collector. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LibraryMissingError } from '../collector/kernel/libbpf.ts';
import { explain } from '../collector/sources/ebpf-failure.ts';
import { openSource } from '../collector/sources/open-source.ts';
import { missing, named } from './ebpf-machine.ts';
import { EdgeStandIn, until } from './edge-stand-in.ts';

const VIGIA = join(import.meta.dirname, '../cli/vigia.ts');
const PORT = 47_811;
const DATAGRAMS = 200;
const HEAD_BYTES = 24;
/** Of a datagram of eight bytes the record, Ethernet, IPv4, UDP. */
const DATAGRAM_BYTES = 16 + 14 + 20 + 8 + 8;
const reason = missing('tcpdump');

let folder: string;
let edge: EdgeStandIn;
const children: ChildProcess[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vigia-piped-'));
  edge = await EdgeStandIn.start();
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await edge.stop();
  rmSync(folder, { recursive: true });
});

/** Captures datagrams as they are sent, until the collector has posted them. @returns how many */
async function captured(source: string): Promise<number> {
  const filter = ['udp', 'dst', 'port', String(PORT)];
  const tcpdump = spawn('tcpdump', ['-i', 'lo', '--immediate-mode', '-U', '-w', '-', ...filter]);
  const spool = ['--spool', join(folder, 'spool')];
  const collector = spawn(process.execPath, [VIGIA, 'collect', '--to', edge.url, '--source', source, ...spool]);
  children.push(tcpdump, collector);
  const ended = once(collector, 'exit');
  let bytes = 0;
  tcpdump.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  tcpdump.stdout.pipe(collector.stdin);
  let said = '';
  tcpdump.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await until('tcpdump to listen', () => said.includes('listening on'));
  const socket = createSocket('udp4');
  // tcpdump says so a little before it does.
  await until('the capture', () => {
    socket.send('datagram', PORT, '127.0.0.1');
    return bytes >= HEAD_BYTES + DATAGRAMS * DATAGRAM_BYTES;
  });
  socket.close();
  tcpdump.kill('SIGINT');
  expect(await ended).toEqual([0, null]);
  return (bytes - HEAD_BYTES) / DATAGRAM_BYTES;
}

it.skipIf(reason)(
  named(
    'every packet of tcpdump is counted, under identities that no other run has and the name that it was given',
    reason,
  ),
  async () => {
    const counts = [await captured('pcap:-')];
    const first = edge.stored.splice(0).flatMap((post) => post.windows);
    counts.push(await captured('pcap:-:eth7'));
    const second = edge.stored.flatMap((post) => post.windows);
    const runOf = ({ id }: { id: string }): string => id.split(':')[1] ?? '';
    for (const [i, windows] of [first, second].entries()) {
      expect(windows.reduce((sum, { packets }) => sum + (packets ?? 0), 0)).toBe(counts[i]);
      expect(new Set(windows.map((window) => window.interface))).toEqual(new Set([i === 0 ? 'stdin' : 'eth7']));
      expect(new Set(windows.map(runOf)).size).toBe(1);
    }
    expect(runOf(first[0] ?? { id: '' })).not.toBe(runOf(second[0] ?? { id: '' }));
  },
);

it('stdin is live: while the edge is away it is read on, as a file is not', () => {
  const settings = { host: 'h', group: 'g', period_ms: 1000, local: [], accounts: [], spoolDir: folder };
  const isLive = (spec: string): boolean => openSource(spec, settings).live;
  expect(['pcap:-', 'pcap:-:eth7', 'pcap:file'].map(isLive)).toEqual([true, true, false]);
});

it.each([
  ['ebpf:eth7', 'tcpdump -i eth7 -U -w - | vigia collect --source pcap:-:eth7'],
  ['ebpf:veth*', 'tcpdump -i any -U -w - | vigia collect --source pcap:-:any'],
])('where %s cannot be had, the error says what to pipe instead', (spec, command) => {
  expect(String(explain(spec, new LibraryMissingError('no libbpf')))).toContain(command);
});
