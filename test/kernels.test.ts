/** The collector on the kernels that Debian 11, Debian 12 and its later kernel boot: what the doctor says, what the windows hold. */
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Finding } from '../collector/doctor/finding.ts';
import type { NetworkWindow } from '../contract/network-window.ts';
import { type Countable, total } from './ebpf-link.ts';
import { missing, named } from './ebpf-machine.ts';
import { boot, type Guest, hasKernel, MACHINE_TOOLS, makeRamDisk } from './kernel-machine.ts';
import { CONNECTIONS, DATAGRAMS, EXPECTED } from './kernels/traffic.ts';

const KERNELS = [
  {
    release: '5.10',
    attached: 'clsact',
    state: 'limited',
    lacks: ['account of the cgroup', 'bpf_ktime_get_coarse_ns', 'batches of trie entries', 'tcx'],
  },
  { release: '6.1', attached: 'clsact', state: 'limited', lacks: ['tcx'] },
  { release: '6.12', attached: 'tcx', state: 'ok', lacks: [] },
] as const;
const BOOT_MS = 230_000;

const absent = KERNELS.filter(({ release }) => !hasKernel(release)).map(({ release }) => `Linux ${release}`);
const reason = missing(...MACHINE_TOOLS) || (absent.length > 0 ? `needs ${absent.join(', ')} of setup` : '');

let ramDisk = '';
beforeAll(async () => {
  if (!reason) ramDisk = await makeRamDisk(KERNELS.map(({ release }) => release));
});
afterAll(() => {
  if (ramDisk) rmSync(dirname(ramDisk), { recursive: true });
});

describe.skipIf(reason).each(KERNELS)(named('Linux $release', reason), ({ release, attached, state, lacks }) => {
  let guest: Guest = { lines: [], console: '' };
  const isFinding = (line: unknown): line is Finding => typeof line === 'object' && line !== null && 'state' in line;
  const isWindow = (line: unknown): line is NetworkWindow =>
    typeof line === 'object' && line !== null && 'packets' in line;
  const finding = (name: string): Finding | undefined =>
    guest.lines.filter(isFinding).find((line) => line.name === name);

  beforeAll(async () => {
    guest = await boot(release, ramDisk);
  }, BOOT_MS);

  it('is told by the doctor with what it lacks', () => {
    expect(finding('kernel'), guest.console).toMatchObject({
      state,
      text: expect.stringContaining(`Linux ${release}.`),
    });
    const { text } = finding('kernel') ?? { text: '' };
    for (const feature of lacks) expect(text).toContain(feature);
    expect(text.split(';').length).toBe(Math.max(lacks.length, 1));
  });

  it(`runs the programs by ${attached} for a service that is not root`, () => {
    expect(finding('ebpf:near'), guest.console).toMatchObject({
      state: 'ok',
      text: `the programs load and attach by ${attached}`,
    });
    expect(guest.lines.filter(isFinding).filter((line) => line.state === 'missing')).toEqual([]);
  });

  it('counts every packet and byte, once, over several windows', () => {
    const windows = guest.lines.filter(isWindow);
    expect(windows.length, guest.console).toBeGreaterThan(2);
    const { sources, ...counts } = EXPECTED;
    const seen = Object.fromEntries(Object.keys(counts).map((field) => [field, total(windows, field as Countable)]));
    expect(seen).toEqual(counts);
    for (const [ip, counted] of Object.entries(sources)) {
      const parts = windows.flatMap((window) => window.sources ?? []).filter((source) => source.ip === ip);
      const sum = (field: 'packets' | 'bytes') => parts.reduce((sum, source) => sum + source[field], 0);
      expect({ packets: sum('packets'), bytes: sum('bytes') }, ip).toEqual(counted);
    }
    expect(windows.reduce((sum, window) => sum + (window.unique_ports ?? 0), 0)).toBe(DATAGRAMS + CONNECTIONS);
  });

  it.each(['tcx', 'xdp'])('drops what is blocked at %s', (hook) => {
    expect(guest.lines, guest.console).toContainEqual({
      ...{ blocked_at: hook, before: true, during: false, dropped: true, after: true },
    });
  });

  it('a collector that was killed blocks nobody for long, and the next removes what it left', () => {
    const hanging = attached === 'clsact' ? 2 : 0;
    expect(guest.lines, guest.console).toContainEqual({
      ...{ killed: true, left: hanging, endsBlocking: true, ofTheNext: hanging, leftAtTheEnd: 0 },
    });
  });

  it('loses nothing, and is left as it was', () => {
    expect(guest.lines.at(-1), guest.console).toEqual({
      losses: {
        parse_error: 0,
        source_not_tracked: 0,
        source_not_remembered: 0,
        port_not_remembered: 0,
        conversation_evicted: 0,
        flow_evicted: 0,
        window_read_failed: 0,
      },
      filters: { attached: attached === 'clsact' ? 2 : 0, left: 0 },
    });
  });
});
