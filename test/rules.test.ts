/** The rules: each at its threshold, silent on what was not measured, and quieter once a baseline was learned. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FlatObject } from '../contract/detect-request.ts';
import { NETWORK_FEATURES, type NetworkFeature } from '../contract/features.ts';
import type { Recent } from '../contract/network-window.ts';
import { RULE_THREATS } from '../contract/threats.ts';
import { DEFAULT_THRESHOLDS, readThresholds, type Thresholds } from '../contract/thresholds.ts';
import { attackers } from '../models/attackers.ts';
import { networkFeatures } from '../models/features.ts';
import { applyRules } from '../models/rules/apply-rules.ts';
import type { LearnedNormal } from '../models/rules/learned-normal.ts';
import type { Observation } from '../models/rules/rule.ts';
import { atUsualVolume, surgeFactor } from '../models/rules/surge.ts';

const threats = (
  observed: Observation,
  learned: LearnedNormal | null = null,
  thresholds: Thresholds = DEFAULT_THRESHOLDS,
) => applyRules(observed, { thresholds, learned }).fired.map(({ threat_type }) => threat_type);

/** Rule → what just fires it, and the same with one value at its threshold, which does not. */
const AT_THRESHOLD: [string, FlatObject, FlatObject][] = [
  ['port_scan', { unique_ports: 21, packets_per_second: 101 }, { unique_ports: 20, packets_per_second: 101 }],
  ['port_scan', { unique_ports: 21, packets_per_second: 101 }, { unique_ports: 21, packets_per_second: 100 }],
  [
    'ddos',
    { packets_per_second: 1001, bytes_per_second: 1_000_001 },
    { packets_per_second: 1001, bytes_per_second: 1_000_000 },
  ],
  [
    'data_exfiltration',
    { bytes_per_second: 5_000_001, tcp_ratio: 0.91 },
    { bytes_per_second: 5_000_001, tcp_ratio: 0.9 },
  ],
  ['syn_flood', { syn_packets: 501, tcp_ratio: 0.96 }, { syn_packets: 500, tcp_ratio: 0.96 }],
  ['latency_anomaly', { max_latency_ms: 101, avg_latency_ms: 51 }, { max_latency_ms: 101, avg_latency_ms: 50 }],
  ['jitter_anomaly', { jitter_ms: 10.1 }, { jitter_ms: 10 }],
  ['packet_loss', { packet_loss_rate: 0.051 }, { packet_loss_rate: 0.05 }],
  ['qos_degradation', { avg_latency_ms: 31, jitter_ms: 5.1 }, { avg_latency_ms: 31, jitter_ms: 5 }],
  ['brute_force_attack', { total_attempts: 101, failed_attempts: 51 }, { total_attempts: 101, failed_attempts: 50 }],
  [
    'credential_stuffing',
    { total_attempts: 501, unique_source_ips: 11 },
    { total_attempts: 501, unique_source_ips: 10 },
  ],
  ['service_account_abuse', { privilege_level: 1, total_attempts: 1001 }, { privilege_level: 0, total_attempts: 1001 }],
  ['username_confusion', { username_type: 'password' }, { username_type: 'username' }],
];

describe('every rule', () => {
  it('is in the table below', () => {
    expect(new Set(AT_THRESHOLD.map(([threat]) => threat))).toEqual(new Set(RULE_THREATS));
  });

  it.each(AT_THRESHOLD)('%s fires above its threshold and not at it', (threat, above, at) => {
    expect(threats(above)).toEqual([threat]);
    expect(threats(at)).toEqual([]);
  });

  it.each(AT_THRESHOLD)('%s does not fire where one of its values was not measured', (threat, above) => {
    for (const name of Object.keys(above)) {
      expect(threats({ ...above, [name]: null })).not.toContain(threat);
      expect(threats({ ...above, [name]: undefined })).not.toContain(threat);
    }
  });

  it('says the condition with the threshold that was set, and the numbers that met it', () => {
    const thresholds = readThresholds({ PORT_SCAN_UNIQUE_PORTS: '40' });
    const observed = { unique_ports: 50, packets_per_second: 200 };
    expect(applyRules(observed, { thresholds, learned: null }).fired).toEqual([
      {
        threat_type: 'port_scan',
        confidence: 0.9,
        condition: 'unique_ports > 40 and packets_per_second > 100',
        observed,
        technique: 'T1046',
      },
    ]);
    expect(threats({ unique_ports: 40, packets_per_second: 200 }, null, thresholds)).toEqual([]);
  });

  it('holds for any object: nothing throws, and nothing measured fires nothing', () => {
    const maybe = fc.option(fc.double({ min: 0, max: 1e300, noNaN: true }), { nil: null });
    fc.assert(
      fc.property(
        fc.record({ unique_ports: maybe, syn_packets: maybe, tcp_packets: maybe, udp_packets: maybe, bytes: maybe }),
        maybe,
        (flat, pps) => {
          for (const learned of [null, web]) {
            const { fired } = applyRules(
              { ...flat, packets_per_second: pps },
              { thresholds: DEFAULT_THRESHOLDS, learned },
            );
            for (const { observed } of fired) expect(Object.values(observed)).not.toContain(null);
          }
        },
      ),
      { seed: 1 },
    );
    expect(threats({})).toEqual([]);
  });
});

describe('rates', () => {
  it('count SYNs per second of a long window and do not extrapolate a short one', () => {
    expect(threats({ syn_packets: 600, tcp_ratio: 1, duration_s: 10 })).toEqual([]);
    expect(threats({ syn_packets: 5010, tcp_ratio: 1, duration_s: 10 })).toEqual(['syn_flood']);
    expect(threats({ syn_packets: 60, tcp_ratio: 1, duration_s: 0.01 })).toEqual([]);
  });

  it('take the share of TCP from the counts where it was not sent', () => {
    expect(threats({ syn_packets: 700, tcp_packets: 980, udp_packets: 20 })).toEqual(['syn_flood']);
    expect(threats({ syn_packets: 700, tcp_packets: 750, udp_packets: 50 })).toEqual([]);
  });
});

/** A busy web host: 4,000 packets/s and 3 MB/s are its usual second, of which 2 % open a connection. */
const MEDIANS: Partial<Record<NetworkFeature, number>> = {
  packets_per_second: 4000,
  bytes_per_second: 3e6,
  unique_ips: 200,
  unique_ports: 3,
  tcp_packets: 3900,
  udp_packets: 100,
  syn_packets: 80,
};
const web: LearnedNormal = {
  median: (feature) => MEDIANS[feature] ?? null,
  extreme: (feature) => (MEDIANS[feature] === undefined ? null : 2 * (MEDIANS[feature] ?? 0)),
  bytesOutExtreme: 8e6,
  recentOutExtreme: (hour) => (hour === 4 ? 6e6 : 3e6),
  outPerByteIn: 12,
};

/** The usual second of that host, `factor` times as busy. */
const busy = (factor: number): Observation => ({
  packets_per_second: 4000 * factor,
  bytes_per_second: 3e6 * factor,
  bytes_out_per_second: 2.7e6 * factor,
  unique_ips: 200 * factor,
  unique_ports: 3,
  tcp_packets: 3900 * factor,
  udp_packets: 100 * factor,
  syn_packets: 80 * factor,
});

describe('with a baseline', () => {
  it('the usual second of a busy host fires nothing, which the floors alone call a ddos', () => {
    expect(threats(busy(1))).toEqual(['ddos']);
    expect(threats(busy(1), web)).toEqual([]);
  });

  it('four times the customers in the usual mix are a surge: a note and no alert', () => {
    const { fired, notes } = applyRules(
      { ...busy(4), bytes_out_per_second: 2.7e6 },
      { thresholds: DEFAULT_THRESHOLDS, learned: web },
    );
    expect(fired).toEqual([]);
    expect(notes.map(({ kind }) => kind)).toEqual(['volume_surge']);
  });

  it.each([
    ['half-open handshakes', { syn_packets: 13_000, tcp_ratio: 0.9 }],
    ['tiny packets', { packets_per_second: 200_000, unique_ips: 800 }],
    ['huge packets', { bytes_per_second: 6e7 }],
    ['another protocol', { tcp_packets: 4000, udp_packets: 12_000 }],
    ['far more addresses than packets', { unique_ips: 50_000 }],
  ])('a surge of %s is a ddos', (_, broken) => {
    expect(threats({ ...busy(4), bytes_out_per_second: 2.7e6, ...broken }, web)).toContain('ddos');
  });

  it('volume below the margin over what was learned is no ddos, whatever its mix', () => {
    expect(threats({ ...busy(2.9), bytes_out_per_second: 2.7e6, unique_ips: 50_000 }, web)).toEqual([]);
  });

  it('a path that was always long, unsteady or lossy is no anomaly, one that is half as bad again is', () => {
    const path = { avg_latency_ms: 120, max_latency_ms: 180, jitter_ms: 15, packet_loss_rate: 0.06 };
    const far: LearnedNormal = {
      ...web,
      extreme: (feature) => (feature in path ? path[feature as keyof typeof path] : null),
    };
    const quality = ['latency_anomaly', 'jitter_anomaly', 'packet_loss', 'qos_degradation'];
    expect(threats(path)).toEqual(quality);
    expect(threats(path, far)).toEqual([]);
    const worse = { avg_latency_ms: 190, max_latency_ms: 280, jitter_ms: 23, packet_loss_rate: 0.1 };
    expect(threats(worse, far)).toEqual(quality);
  });

  it('a path is bad where most of the latest windows say so; one bad second is none', () => {
    const bad = { jitter_ms: 30 };
    const quiet = { jitter_ms: 1 };
    const following = (...before: Observation[]) =>
      applyRules(bad, { thresholds: DEFAULT_THRESHOLDS, learned: null, before: () => before }).fired.length;
    expect([following(), following(quiet), following(bad, quiet, quiet, quiet)]).toEqual([1, 0, 0]);
    expect([following(bad, bad), following(quiet, bad, quiet, bad), following(quiet, quiet, quiet, bad, bad)]).toEqual([
      1, 1, 0,
    ]);
  });

  it('a SYN flood must exceed the learned SYNs by the margin', () => {
    const gateway: LearnedNormal = { ...web, extreme: (f) => (f === 'syn_packets' ? 2000 : web.extreme(f)) };
    const flood = (syn_packets: number): Observation => ({ syn_packets, tcp_ratio: 0.99 });
    expect(threats(flood(3000), gateway)).toEqual([]);
    expect(threats(flood(3001), gateway)).toEqual(['syn_flood']);
  });

  it('a scan slower than the usual traffic is still a scan', () => {
    expect(threats({ ...busy(1), unique_ports: 65 }, web)).toEqual(['port_scan']);
  });

  it('a host of many services is not scanned by its customers', () => {
    const services: LearnedNormal = { ...web, extreme: (f) => (f === 'unique_ports' ? 50 : web.extreme(f)) };
    expect(threats({ ...busy(1), unique_ports: 65 }, services)).toEqual([]);
    expect(threats({ ...busy(1), unique_ports: 76 }, services)).toEqual(['port_scan']);
  });

  it('a nightly backup seen in training is no exfiltration, more than it is, a download never', () => {
    const out = (bytes_out_per_second: number): Observation => ({
      bytes_per_second: 2e8,
      bytes_out_per_second,
      tcp_ratio: 1,
    });
    expect(threats(out(1.2e7), web)).toEqual([]);
    expect(threats(out(1.21e7), web)).toEqual(['data_exfiltration']);
    expect(threats(out(1e5), web)).toEqual([]);
  });
});

describe('the attacking addresses', () => {
  const source = (n: number, fields: object) => ({ ip: `192.0.2.${n}`, packets: 1, bytes: 1, ...fields });

  it('of a scan are those that opened at least half as many ports as the busiest scanner', () => {
    const sources = [
      source(1, { unique_ports: 1, packets: 1e6 }),
      source(2, { unique_ports: 50 }),
      source(3, { unique_ports: 90 }),
    ];
    expect(attackers(sources, 'port_scan')).toEqual(['192.0.2.3', '192.0.2.2']);
  });

  it('of a flood hold a fifth of all SYNs of the window, not only of those listed', () => {
    const sources = [source(1, { syn_packets: 100 }), source(2, { syn_packets: 900 })];
    expect(attackers(sources, 'syn_flood', 1000)).toEqual(['192.0.2.2']);
    expect(attackers(sources, 'syn_flood', 100_000)).toEqual([]);
  });

  it('of an exfiltration are where the bytes went', () => {
    const sources = [source(1, { bytes: 9e6, packets: 10 }), source(2, { bytes: 1e5, packets: 1e5 })];
    expect(attackers(sources, 'data_exfiltration')).toEqual(['192.0.2.1']);
  });

  it('of a bad path are nobody', () => {
    expect(attackers([source(1, { packets: 1e6 })], 'qos_degradation')).toEqual([]);
  });

  it('without any source are nobody', () => {
    for (const threat of RULE_THREATS) expect(attackers([], threat)).toEqual([]);
  });
});

describe('attacks too slow for a second', () => {
  const halfHour = (fields: Partial<Recent>): Observation => ({
    start: '2026-11-18T15:00:00Z',
    recent: { over_s: 1800, bytes_in_per_second: 3e5, bytes_out_per_second: 2.9e6, scanners: [], ...fields },
  });

  it('21 ports that one address opened within half an hour are a scan, 20 are not', () => {
    const opened = (unique_ports: number) => halfHour({ scanners: [{ ip: '192.0.2.7', unique_ports }] });
    expect(threats(opened(20), web)).toEqual([]);
    expect(threats(opened(21), web)).toEqual(['port_scan']);
    expect(threats(opened(21))).toEqual(['port_scan']);
  });

  it('a hundred ports in a window of a minute are a scan at any rate, unless they were learned', () => {
    const minute = { unique_ports: 101, packets_per_second: 3, duration_s: 60 };
    expect(threats(minute)).toEqual(['port_scan']);
    expect(threats({ ...minute, unique_ports: 100 })).toEqual([]);
    expect(threats({ ...minute, duration_s: 1 })).toEqual([]);
    const peerToPeer: LearnedNormal = { ...web, extreme: () => 400 };
    expect(threats({ ...minute, unique_ports: 500 }, peerToPeer)).toEqual([]);
    expect(threats({ ...minute, unique_ports: 700 }, peerToPeer)).toEqual(['port_scan']);
  });

  it('twice the usual half hour going out is a leak, where no more comes in', () => {
    expect(threats(halfHour({}), web)).toEqual([]);
    expect(threats(halfHour({ bytes_out_per_second: 5.8e6 }), web)).toEqual(['data_exfiltration']);
    expect(threats(halfHour({ bytes_out_per_second: 5.8e6, bytes_in_per_second: 6e5 }), web)).toEqual([]);
  });

  it('a nightly backup that was learned at its hour is none, nor is a leak told from a minute or without a baseline', () => {
    const leak = halfHour({ bytes_out_per_second: 5.8e6 });
    expect(threats({ ...leak, start: '2026-11-16T04:10:00Z' }, web)).toEqual([]);
    expect(threats(halfHour({ bytes_out_per_second: 5.8e6, over_s: 60 }), web)).toEqual([]);
    expect(threats(leak)).toEqual([]);
  });

  it('five failed logins within ten minutes are a guesser, as for fail2ban; four are not, nor a person who gets in', () => {
    const login = { total_attempts: 5, failed_attempts: 5, duration_s: 300 };
    expect(threats(login)).toEqual(['brute_force_attack']);
    expect(threats({ ...login, failed_attempts: 4 })).toEqual([]);
    expect(threats({ ...login, total_attempts: 12 })).toEqual([]);
    expect(threats({ ...login, duration_s: 600 })).toEqual(['brute_force_attack']);
    expect(threats({ ...login, duration_s: 3600 })).toEqual([]);
    expect(threats({ total_attempts: 40, failed_attempts: 40, duration_s: 3600 })).toEqual(['brute_force_attack']);
    expect(threats({ total_attempts: 5, failed_attempts: 5 })).toEqual([]);
  });
});

describe('a crowd of customers', () => {
  const { recentOutExtreme: _, ...rest } = web;
  const learned: LearnedNormal = { ...rest, recentOutExtreme: () => null, outPerByteIn: 10 };

  it('of ten times as many is noted and fires nothing, though SYNs and bytes going out pass every floor', () => {
    const crowd = { ...busy(10), bytes_in_per_second: 2.7e6 };
    const { fired, notes } = applyRules(crowd, { thresholds: DEFAULT_THRESHOLDS, learned });
    expect(fired).toEqual([]);
    expect(notes.map(({ kind }) => kind)).toEqual(['volume_surge']);
  });

  it('hides no scan, no flood and no leak', () => {
    const crowd = { ...busy(10), bytes_in_per_second: 2.7e6 };
    expect(threats({ ...crowd, unique_ports: 60 }, learned)).toContain('port_scan');
    const flood = { syn_packets: 60_000, tcp_packets: 99_000, packets_per_second: 100_000 };
    expect(threats({ ...crowd, ...flood }, learned)).toContain('syn_flood');
    expect(threats({ ...crowd, bytes_out_per_second: 1e8 }, learned)).toContain('data_exfiltration');
  });

  it('is judged by the models at the usual volume; what customers do not change stays as it is', () => {
    const crowd = busy(10);
    const factor = surgeFactor(crowd, learned, DEFAULT_THRESHOLDS) ?? Number.NaN;
    expect(factor).toBeCloseTo(10 / Math.SQRT2, 6);
    const row = networkFeatures({ ...crowd, udp_packets: 90, unique_ports: 60 });
    atUsualVolume(row, factor, learned);
    const judged = Object.fromEntries(NETWORK_FEATURES.map((name, i) => [name, row[i]]));
    expect(judged.packets_per_second).toBeCloseTo(4000 * Math.SQRT2, 0);
    expect(judged.udp_packets).toBe(90);
    expect(judged.unique_ports).toBe(60);
  });
});
