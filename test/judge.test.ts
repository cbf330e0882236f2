/** The verdict on what users send first: the four named cases, the example of the README, and what must stay silent. */
import { describe, expect, it } from 'vitest';
import type { FlatObject } from '../contract/detect-request.ts';
import { DEFAULT_THRESHOLDS } from '../contract/thresholds.ts';
import { judgeBatch, judgeFlat } from '../models/judge.ts';

const untrained = { fleet: null, thresholds: DEFAULT_THRESHOLDS, alertBudget: 1 };
const judge = (flat: FlatObject) => judgeFlat(flat, untrained);

describe('without a model the rules alone decide', () => {
  it('120 packets/s of the usual kind are normal', async () => {
    const verdict = await judge({
      packets_per_second: 120,
      bytes_per_second: 65_000,
      unique_ips: 8,
      unique_ports: 5,
      tcp_packets: 100,
      udp_packets: 20,
      syn_packets: 35,
    });
    expect(verdict).toMatchObject({ threat_detected: false, threat_types: [], level: 'none', confidence: 0 });
    expect(verdict.explanation.abstained.spatial).toMatch(/no model/);
  });

  it('65 ports from 2 addresses are a port scan', async () => {
    const verdict = await judge({
      packets_per_second: 800,
      bytes_per_second: 150_000,
      unique_ips: 2,
      unique_ports: 65,
      tcp_packets: 750,
      udp_packets: 50,
      syn_packets: 700,
    });
    expect(verdict.threat_detected).toBe(true);
    expect(verdict.threat_types).toContain('port_scan');
    expect(verdict.detection_type).toBe('network');
    expect(verdict.explanation.summary[0]).toMatch(/^port_scan \(T1046\): unique_ports 65/);
  });

  it('a privileged service with 136,963 attempts is abused', async () => {
    const verdict = await judge({
      username_type: 'service',
      total_attempts: 136_963,
      failed_attempts: 2396,
      unique_source_ips: 34,
      privilege_level: 1,
    });
    expect(verdict.threat_types).toContain('service_account_abuse');
    expect(verdict.detection_type).toBe('authentication');
  });

  it('latency, jitter and loss together are a degraded path', async () => {
    const verdict = await judge({
      packets_per_second: 200,
      avg_latency_ms: 85,
      max_latency_ms: 150,
      jitter_ms: 25,
      packet_loss_rate: 0.08,
    });
    expect(verdict.threat_types).toContain('qos_degradation');
    expect(verdict.detection_type).toBe('transport_qos');
  });

  it('the README example is a port scan', async () => {
    const verdict = await judge({ packets_per_second: 1200, unique_ports: 50 });
    expect(verdict).toMatchObject({ threat_types: ['port_scan'], confidence: 0.9, level: 'critical' });
  });

  it('what was not measured fires nothing', async () => {
    const verdict = await judge({ packets_per_second: 1e9, unique_ports: null, bytes_per_second: null });
    expect(verdict.threat_detected).toBe(false);
  });

  it('what this host sends is no flood against it', async () => {
    const sending = { packets_per_second: 5000, bytes_per_second: 4e6, tcp_ratio: 1 };
    expect((await judge({ ...sending, bytes_in_per_second: 1e5 })).threat_types).toEqual([]);
    expect((await judge({ ...sending, bytes_in_per_second: 3.9e6 })).threat_types).toEqual(['ddos']);
  });

  it('a download is no exfiltration', async () => {
    const verdict = await judge({ bytes_per_second: 5e7, bytes_out_per_second: 1e6, tcp_ratio: 1 });
    expect(verdict.threat_detected).toBe(false);
  });
});

describe('the attacker', () => {
  const scan = (
    sources: { ip: string; packets: number; bytes: number; syn_packets: number; unique_ports: number }[],
  ) => ({
    id: 'w1',
    host: 'h',
    group: 'default',
    interface: 'eth0',
    start: '2026-01-01T00:00:00.000Z',
    duration_s: 1,
    packets_per_second: 3000,
    unique_ports: 900,
    sources,
  });

  it('is the source that opened the ports, not the busiest one', async () => {
    const customer = { ip: '192.0.2.1', packets: 2000, bytes: 2e6, syn_packets: 3, unique_ports: 1 };
    const scanner = { ip: '192.0.2.66', packets: 1000, bytes: 6e4, syn_packets: 900, unique_ports: 900 };
    const [verdict] = await judgeBatch({ ...untrained, windows: [scan([customer, scanner])], context: [] });
    expect(verdict?.attacking_ips).toEqual(['192.0.2.66']);
    expect(verdict?.window?.id).toBe('w1');
  });
});
