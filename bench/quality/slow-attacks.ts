/** Three attacks too slow for any second, and a sale day that is none, on the simulated host after two weeks of learning. */
import type { AuthWindow } from '../../contract/auth-window.ts';
import type { NetworkWindow } from '../../contract/network-window.ts';
import { DEFAULT_ALERT_BUDGET_PER_HOST_DAY, DEFAULT_THRESHOLDS } from '../../contract/thresholds.ts';
import { judgeBatch } from '../../models/judge.ts';
import type { Fleet } from '../../models/votes.ts';
import { DAYS, PERIOD_S, trainSimulated } from './alert-budget.ts';
import type { QualityRow, QualitySet } from './row.ts';
import { FIRST_DAY_MS, simulatedHost, withRecent } from './simulated-host.ts';

const SEED = 11;
const BUDGET = DEFAULT_ALERT_BUDGET_PER_HOST_DAY;
/** Attacks begin at ten on a Wednesday. */
const ATTACK_S = (DAYS + 2) * 86_400 + 10 * 3600;
const HOUR_S = 3600;
const SCANNER = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 203, 0, 113, 9);
const ADDRESS = '203.0.113.9';

const startOf = ({ start }: NetworkWindow | AuthWindow): number => (Date.parse(start) - FIRST_DAY_MS) / 1000;
const during = (start_s: number, hours: number): boolean => start_s >= ATTACK_S && start_s < ATTACK_S + hours * HOUR_S;

/** The Wednesday, of a crowd of customers where one is given. */
const wednesday = (crowd?: (start_s: number) => number): NetworkWindow[] =>
  simulatedHost({ seed: SEED, days: 1, firstDay: DAYS + 2, period_s: PERIOD_S, ...(crowd && { crowd }) });

/** One port a second: each window ten packets and ten ports more. */
const slowScan = (): NetworkWindow[] =>
  withRecent(
    wednesday().map((window) => (during(startOf(window), 1) ? scanned(window, 1) : window)),
    (start_s) =>
      during(start_s, 1)
        ? { address: SCANNER, ports: Array.from({ length: PERIOD_S }, (_, i) => 1024 + ((start_s + i) % 40_000)) }
        : null,
  );

function scanned(window: NetworkWindow, portsPerSecond: number): NetworkWindow {
  const ports = portsPerSecond * PERIOD_S;
  return {
    ...window,
    packets_per_second: (window.packets_per_second ?? 0) + 2 * portsPerSecond,
    unique_ports: (window.unique_ports ?? 0) + ports,
    syn_packets: (window.syn_packets ?? 0) + ports,
    tcp_packets: (window.tcp_packets ?? 0) + 2 * ports,
    unique_ips: (window.unique_ips ?? 0) + 1,
  };
}

/** Twice the usual bytes going out for two hours, and their acknowledgements coming in. */
const leak = (): NetworkWindow[] =>
  withRecent(
    wednesday().map((window) => {
      const out = window.bytes_out_per_second ?? 0;
      if (!during(startOf(window), 2)) return window;
      return {
        ...window,
        bytes_out_per_second: 2 * out,
        bytes_in_per_second: (window.bytes_in_per_second ?? 0) + 0.025 * out,
        bytes_per_second: (window.bytes_per_second ?? 0) + 1.025 * out,
        packets_per_second: (window.packets_per_second ?? 0) + (1.5 * out) / 1448,
        tcp_packets: Math.round((window.tcp_packets ?? 0) + (1.5 * out * PERIOD_S) / 1448),
      };
    }),
  );

/** One failure each 15 s from one address, in sliding windows of five minutes. */
const guessing = (): AuthWindow[] =>
  Array.from({ length: 60 }, (_, i) => {
    const failed = Math.min(i + 1, 20);
    return {
      id: `auth:${i}`,
      host: 'simulated',
      group: 'default',
      start: new Date(FIRST_DAY_MS + 1000 * (ATTACK_S + 15 * i - 300)).toISOString(),
      duration_s: 300,
      total_attempts: failed,
      failed_attempts: failed,
      unique_usernames: 1,
      sources: [{ ip: ADDRESS, packets: 0, bytes: 0 }],
    };
  });

interface Found {
  /** Seconds from the beginning of the attack to the end of the first window that names it; NaN where none does. */
  readonly after_s: number;
  readonly named: boolean;
  /** Alerts outside the attack. */
  readonly others: number;
}

async function judged(
  fleet: Fleet | null,
  windows: readonly (NetworkWindow | AuthWindow)[],
  threat: string,
  hours: number,
): Promise<Found> {
  const verdicts = await judgeBatch({
    fleet,
    thresholds: fleet ? DEFAULT_THRESHOLDS : FIXED,
    alertBudget: BUDGET,
    windows,
    context: [],
  });
  const ends = (i: number): number => startOf(windows[i] as NetworkWindow) + (windows[i] as NetworkWindow).duration_s;
  const hit = verdicts.findIndex(({ threat_types }, i) => {
    const types: readonly string[] = threat_types;
    return types.includes(threat) && ends(i) > ATTACK_S;
  });
  // The half hour after an attack still holds some of it.
  const others = verdicts.filter(
    ({ threat_detected }, i) => threat_detected && (ends(i) <= ATTACK_S || ends(i) > ATTACK_S + (hours + 0.6) * HOUR_S),
  );
  return {
    after_s: hit < 0 ? Number.NaN : ends(hit) - ATTACK_S,
    named: verdicts[hit]?.attacking_ips.includes(ADDRESS) ?? false,
    others: others.length,
  };
}

/** The thresholds of the table alone: nothing that looks at minutes. */
const FIXED = {
  ...DEFAULT_THRESHOLDS,
  SLOW_SCAN_UNIQUE_PORTS: Number.MAX_VALUE,
  SLOW_GUESSING_FAILED_ATTEMPTS: Number.MAX_VALUE,
};

async function slowRows(fleet: Fleet): Promise<QualityRow[]> {
  const attacks = [
    ['scan of 1 port/s', slowScan(), 'port_scan', 1],
    ['1 failed login in 15 s', guessing(), 'brute_force_attack', 1],
    ['twice the bytes out for 2 h', leak(), 'data_exfiltration', 2],
  ] as const;
  const rows: QualityRow[] = [];
  for (const [name, windows, threat, hours] of attacks) {
    for (const judge of [null, fleet]) {
      const { after_s, others } = await judged(judge, windows, threat, hours);
      const found = Number.isNaN(after_s) ? 0 : 1;
      rows.push({
        set: 'slow attacks',
        detector: `${name}, ${judge ? 'Vigía' : 'fixed thresholds'}`,
        kind: judge ? 'vigia' : 'baseline',
        figures: { found, ...(found === 1 && { seconds_to_detect: after_s }), other_alerts: others },
        ...(judge && { reach: { found: { least: 1 } } }),
      });
    }
  }
  return rows;
}

/** Ten times the customers for four hours; in the third of them an attacker scans. */
async function saleRows(fleet: Fleet): Promise<QualityRow[]> {
  const crowd = (start_s: number): number => (during(start_s, 4) ? 10 : 1);
  const isAttack = (start_s: number): boolean =>
    start_s >= ATTACK_S + 2 * HOUR_S && start_s < ATTACK_S + 2 * HOUR_S + 60;
  const windows = withRecent(
    wednesday(crowd).map((window) => (isAttack(startOf(window)) ? scanned(window, 100) : window)),
  );
  const rows: QualityRow[] = [];
  for (const judge of [null, fleet]) {
    const verdicts = await judgeBatch({
      fleet: judge,
      thresholds: DEFAULT_THRESHOLDS,
      alertBudget: BUDGET,
      windows,
      context: [],
    });
    const sale = verdicts.filter((_, i) => {
      const start_s = startOf(windows[i] as NetworkWindow);
      return during(start_s, 4) && !isAttack(start_s);
    });
    const attack = verdicts.filter((_, i) => isAttack(startOf(windows[i] as NetworkWindow)));
    const surges = sale.filter(({ explanation }) => explanation.notes.some(({ kind }) => kind === 'volume_surge'));
    rows.push({
      set: 'slow attacks',
      detector: `sale day, ${judge ? 'Vigía' : 'fixed thresholds'}`,
      kind: judge ? 'vigia' : 'baseline',
      figures: {
        windows_alarmed: sale.filter(({ threat_detected }) => threat_detected).length / sale.length,
        windows_noted: surges.length / sale.length,
        found: attack.filter(({ threat_types }) => threat_types.includes('port_scan')).length / attack.length,
      },
      ...(judge && { reach: { windows_alarmed: { most: 0 }, windows_noted: { least: 0.5 }, found: { least: 0.5 } } }),
    });
  }
  return rows;
}

/** Found or not, and when. */
export const slowAttacks: QualitySet = {
  name: 'slow attacks',
  folder: null,
  measure: async () => {
    const fleet = await trainSimulated(1);
    return [...(await slowRows(fleet)), ...(await saleRows(fleet))];
  },
};
