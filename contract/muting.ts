/** What keeps alerts from being told: a maintenance window, or a source that is allowed to look like an attacker. */
import ipaddr from 'ipaddr.js';
import * as z from 'zod';
import { instant } from './quantity.ts';
import { THREAT_TYPES } from './threats.ts';

const reason = z.string().trim().min(1).max(200);

export const maintenanceBody = z
  .object({
    /** Names of hosts, with `*` for any characters. */
    hosts: z
      .string()
      .max(128)
      .regex(/^[A-Za-z0-9._:@*-]+$/, 'must be a host name, in which * stands for any characters'),
    from: instant,
    until: instant,
    /** Only these; all where it is absent. */
    types: z.array(z.enum(THREAT_TYPES)).min(1).max(THREAT_TYPES.length).optional(),
    reason,
  })
  .refine(({ from, until }) => Date.parse(from) < Date.parse(until), {
    path: ['until'],
    message: 'must be later than "from"',
  });

export const maintenanceWindow = z.object({ id: z.string(), ...maintenanceBody.shape });

export const allowedSource = z.object({
  /** An address or a network, such as 192.0.2.0/24. */
  source: z.string().max(64).transform(canonicalRange),
  reason,
});

export type MaintenanceBody = z.output<typeof maintenanceBody>;
export type MaintenanceWindow = z.output<typeof maintenanceWindow>;
export type AllowedSource = z.output<typeof allowedSource>;

function canonicalRange(text: string, context: z.RefinementCtx): string {
  const cidr = ipaddr.isValid(text) ? `${text}/${ipaddr.parse(text).kind() === 'ipv4' ? 32 : 128}` : text;
  if (!ipaddr.isValidCIDR(cidr)) {
    context.addIssue({ code: 'custom', message: 'must be an address or a network, such as 192.0.2.0/24' });
    return z.NEVER;
  }
  const [address, bits] = ipaddr.parseCIDR(cidr);
  if (address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress()) {
    context.addIssue({ code: 'custom', message: 'must be written as IPv4' });
    return z.NEVER;
  }
  const network =
    address.kind() === 'ipv4' ? ipaddr.IPv4.networkAddressFromCIDR(cidr) : ipaddr.IPv6.networkAddressFromCIDR(cidr);
  if (bits === 0) {
    context.addIssue({ code: 'custom', message: 'must not be all addresses: then no attack would be told' });
    return z.NEVER;
  }
  return `${network.toString()}/${bits}`;
}
