/** What `vigia doctor` finds: kernels, privileges, the journal, and the real thing on this machine. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { capabilitiesFinding, jitFinding, kernelFinding, programFinding } from '../collector/doctor/kernel-findings.ts';
import { journalFinding } from '../collector/doctor/place-findings.ts';
import { firstRelease, KERNEL_FEATURES, OLDEST_RELEASE } from '../collector/kernel/features.ts';

const folder = mkdtempSync(join(tmpdir(), 'vigia-doctor-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);
const lacking = process.getuid?.() === 0 ? '' : ' [skipped: needs root]';

describe('the kernel', () => {
  it.each([
    ['6.18.44', 'ok'],
    ['6.6.0-rc1', 'ok'],
    ['6.1.0-18-amd64', 'limited'],
    ['5.11.0', 'limited'],
    ['5.10.0-30-amd64', 'limited'],
    ['5.8.0', 'limited'],
    ['5.7.19', 'limited'],
    ['5.6.19', 'missing'],
    ['4.19.0', 'missing'],
    ['strange', 'missing'],
  ])('%s is %s', (name, state) => expect(kernelFinding(name).state).toBe(state));

  it('is told each feature that its release lacks, and what that costs', () => {
    expect(kernelFinding('5.5.0')).toMatchObject({
      text: 'Linux 5.5.0 lacks batches of hash map entries (5.6), gso_size of a packet (5.7)',
      remedy: expect.stringContaining('Linux 5.7 or newer, or pipe a capture'),
    });
    expect(kernelFinding('6.1.0-18-amd64')).toMatchObject({
      text: expect.stringMatching(/lacks tcx \(6\.6\): the programs hang on clsact/),
      remedy: 'Linux 6.6 or newer lacks nothing',
    });
  });

  it('has its features in docs/kernels.md as they are in the code', () => {
    const docs = readFileSync(join(import.meta.dirname, '../docs/kernels.md'), 'utf8');
    const rows = docs
      .match(/^\| feature .*\n\|---.*\n((?:\|.*\n)+)/m)?.[1]
      ?.trim()
      .split('\n');
    const expected = KERNEL_FEATURES.map(
      (feature) =>
        `| ${feature.name} | ${firstRelease([feature])} | ${feature.without ?? 'the collector does not start'} |`,
    );
    expect(rows).toEqual(expected);
    expect(docs).toContain(`needs Linux ${OLDEST_RELEASE} or newer; with ${firstRelease(KERNEL_FEATURES)} or newer`);
  });

  it('that interprets eBPF, or grants too little, is told with what to do', () => {
    expect(jitFinding('0\n')).toMatchObject({ state: 'limited', remedy: expect.stringContaining('sysctl') });
    expect(jitFinding(null).state).toBe('ok');
    expect(capabilitiesFinding(['CAP_BPF'])).toMatchObject({ state: 'missing', text: 'CAP_BPF missing' });
  });

  it.skipIf(lacking !== '')(`runs the programs for a moment, and names what stands against them${lacking}`, () => {
    expect(programFinding('lo')).toMatchObject({ state: 'ok', text: expect.stringMatching(/by (tcx|clsact)/) });
    expect(programFinding('vg-none')).toMatchObject({ state: 'missing', text: 'there is no such interface here' });
  });
});

it('a journal that is not there is missing, with what to use instead', () => {
  const before = process.env.PATH;
  process.env.PATH = folder;
  try {
    expect(journalFinding()).toMatchObject({ state: 'missing', remedy: expect.stringContaining('auth:FILE') });
  } finally {
    process.env.PATH = before;
  }
});

it('the command exits with 1 where something is missing, and names it in either form', () => {
  const vigia = join(import.meta.dirname, '../cli/vigia.ts');
  const args = ['doctor', '--source', 'ebpf:vg-none', '--spool', at('spool')];
  const run = (...more: string[]) => spawnSync(process.execPath, [vigia, ...args, ...more], { encoding: 'utf8' });
  expect(run()).toMatchObject({ status: 1, stdout: expect.stringMatching(/^missing +ebpf:vg-none/m) });
  const findings = run('--json')
    .stdout.trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { name: string });
  expect(findings.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['kernel', 'privileges', 'ebpf:vg-none', 'spool']),
  );
});
