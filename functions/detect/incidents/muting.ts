/** Whether an alert is told: pure rules, without storage. */
import ipaddr from 'ipaddr.js';
import type { AllowedSource, MaintenanceWindow } from '../../../contract/muting.ts';
import type { Alert } from './alert.ts';

export interface Mutes {
  readonly maintenance: readonly MaintenanceWindow[];
  readonly allowed: readonly AllowedSource[];
}

/** Why the alert is recorded and not told, in words; null where it is told. */
export function mutedBecause(alert: Alert, { maintenance, allowed }: Mutes): string | null {
  const window = maintenance.find((candidate) => covers(candidate, alert));
  if (window !== undefined) return `maintenance ${window.id}: ${window.reason}`;
  if (alert.attackingIps.length === 0) return null;
  const sources = alert.attackingIps.map((ip) => allowed.find(({ source }) => holds(source, ip)));
  const [first] = sources;
  if (first === undefined || sources.includes(undefined)) return null;
  return `allowed source ${first.source}: ${first.reason}`;
}

/** By the time of the window that raised the alert: one that comes late was still under maintenance. */
function covers({ hosts, from, until, types }: MaintenanceWindow, { host, start, threatTypes }: Alert): boolean {
  const at = Date.parse(start);
  if (at < Date.parse(from) || at >= Date.parse(until) || !fits(hosts, host)) return false;
  if (types === undefined) return true;
  // Models notice what a rule names: what they call it alone counts only where no rule fired.
  const named = threatTypes.filter((type) => !type.startsWith('ml_'));
  return (named.length > 0 ? named : threatTypes).every((type) => types.includes(type));
}

/** `*` is any characters; in time linear in the name, which a regular expression of many `*` is not. */
export function fits(pattern: string, name: string): boolean {
  const [head = '', ...rest] = pattern.split('*');
  const tail = rest.pop();
  if (tail === undefined) return pattern === name;
  if (!name.startsWith(head) || !name.endsWith(tail) || name.length < head.length + tail.length) return false;
  const inner = name.slice(head.length, name.length - tail.length);
  let at = 0;
  return rest.every((piece) => {
    const found = inner.indexOf(piece, at);
    at = found + piece.length;
    return found >= 0;
  });
}

function holds(range: string, ip: string): boolean {
  if (!ipaddr.isValid(ip)) return false;
  const address = ipaddr.process(ip);
  const [network, bits] = ipaddr.parseCIDR(range);
  return address.kind() === network.kind() && address.match(network, bits);
}
