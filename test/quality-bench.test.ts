/** The quality benchmark counts rightly: ranks, what is missed, windows from flows, days of a simulated host. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { auroc, tprAtFpr } from '../bench/quality/ranking.ts';
import { misses, type QualityRow } from '../bench/quality/row.ts';
import { simulatedHost } from '../bench/quality/simulated-host.ts';
import { formatRows } from '../bench/quality/table.ts';
import { readFlows, windowsOfFlows } from '../bench/quality/zeek-flows.ts';
import { networkWindow } from '../contract/network-window.ts';

describe('ranking', () => {
  it('is scikit-learn’s on the example of its manual: 0.75', () => {
    expect(auroc([0.1, 0.4, 0.35, 0.8], [false, false, true, true])).toBe(0.75);
  });

  it('counts every pair of an anomaly and a normal row, ties half', () => {
    const row = fc.tuple(fc.integer({ min: 0, max: 9 }), fc.boolean());
    fc.assert(
      fc.property(fc.array(row, { minLength: 2, maxLength: 40 }), (rows) => {
        const [normal, attacks] = [false, true].map((is) => rows.filter(([, of]) => of === is).map(([score]) => score));
        fc.pre(normal !== undefined && attacks !== undefined && normal.length > 0 && attacks.length > 0);
        const pairs = attacks.flatMap((a) => normal.map((n): number => (a > n ? 1 : a === n ? 0.5 : 0)));
        const expected = pairs.reduce((sum, value) => sum + value, 0) / pairs.length;
        const area = auroc(
          rows.map(([score]) => score),
          rows.map(([, is]) => is),
        );
        expect(area).toBeCloseTo(expected, 12);
      }),
      { seed: 1 },
    );
  });

  it('finds at a false positive rate of 1 % what lies above all but one of a hundred normal rows', () => {
    const scores = [...Array.from({ length: 100 }, (_, i) => i), 98.5, 99.5, 97];
    const anomalous = scores.map((_, i) => i >= 100);
    expect(tprAtFpr(scores, anomalous, 0.01)).toBeCloseTo(2 / 3, 12);
  });
});

describe('a row', () => {
  const row: QualityRow = {
    set: 's',
    detector: 'd',
    kind: 'vigia',
    figures: { auroc: 0.94, fpr: 0.002 },
    reach: { auroc: { least: 0.95 }, fpr: { most: 0.001 } },
  };

  it('says which of its figures miss what they must reach, also one that is not there', () => {
    expect(misses(row)).toEqual(['auroc 0.940 < 0.95', 'fpr 0.002 > 0.001']);
    expect(misses({ ...row, figures: { auroc: 0.95, fpr: 0.001 } })).toEqual([]);
    expect(misses({ ...row, figures: {} })).toHaveLength(2);
  });

  it('stands in the table with its verdict', () => {
    expect(formatRows([row])).toMatch(/d +vigia +0\.940 +0\.002 +missed: auroc 0\.940 < 0\.95, fpr/);
    expect(formatRows([{ ...row, reach: { auroc: { least: 0.9 } } }])).toMatch(/reached$/);
  });
});

describe('flows', () => {
  const FIELDS =
    'ts\tid.orig_h\tid.resp_h\tid.resp_p\tproto\thistory\tlocal_orig\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\tlabel';
  const LOG = [
    '#separator \\x09',
    `#fields\t${FIELDS}`,
    '60.5\t198.51.100.9\t192.0.2.1\t22\ttcp\tShADad\tF\t4\t400\t3\t300\tMalicious',
    '61.0\t198.51.100.9\t192.0.2.1\t23\ttcp\tS\tF\t1\t60\t0\t-\tMalicious',
    '62.0\t192.0.2.1\t203.0.113.5\t53\tudp\tDd\tT\t1\t80\t1\t120\tBenign',
    '185.0\t192.0.2.1\t203.0.113.5\t53\tudp\tDd\tT\t1\t80\t1\t120\tBenign',
    '',
  ].join('\n');

  it('become a window a minute, empty ones between them, by the side that is local', () => {
    const windows = windowsOfFlows(readFlows(LOG), 'h', 60);
    expect(windows.map(({ packets }) => packets)).toEqual([10, 0, 2]);
    expect(windows[0]).toMatchObject({
      bytes: 960,
      bytes_in_per_second: (400 + 60 + 120) / 60,
      bytes_out_per_second: (300 + 80) / 60,
      unique_ips: 2,
      unique_ports: 3,
      tcp_packets: 8,
      udp_packets: 2,
      syn_packets: 2,
      sources: [
        { ip: '198.51.100.9', packets: 8, syn_packets: 2, unique_ports: 2 },
        { ip: '203.0.113.5', packets: 2, syn_packets: 0, unique_ports: 0 },
      ],
    });
    for (const window of windows) expect(networkWindow.safeParse(window).success).toBe(true);
  });

  it('are read as JSON too, and a log without field names is refused', () => {
    const [flow] = readFlows(
      '{"ts":7,"id.orig_h":"a","id.resp_h":"b","id.resp_p":80,"proto":"tcp","local_orig":true,"orig_pkts":2}',
    );
    expect(flow).toMatchObject({ start_s: 7, responderPort: 80, isOut: true, packets: [2, 0], malicious: false });
    expect(() => readFlows('1\t2\t3')).toThrow(/no #fields/);
  });
});

it('the simulated host is the same for the same seed, quiet at night and on weekends, and of the contract', () => {
  const week = simulatedHost({ seed: 3, days: 7, firstDay: 0, period_s: 600 });
  expect(simulatedHost({ seed: 3, days: 7, firstDay: 0, period_s: 600 })).toEqual(week);
  const mean = (from_h: number, to_h: number): number => {
    const part = week.slice(from_h * 6, to_h * 6).map(({ packets_per_second }) => packets_per_second ?? 0);
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  };
  expect(mean(9, 17)).toBeGreaterThan(4 * mean(1, 5));
  expect(mean(24 * 2 + 9, 24 * 2 + 17)).toBeGreaterThan(1.3 * mean(24 * 6 + 9, 24 * 6 + 17));
  for (const window of week.slice(0, 200)) expect(networkWindow.safeParse(window).success).toBe(true);
});
