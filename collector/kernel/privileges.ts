/** Which of the capabilities that eBPF needs this process lacks. */
import { readFileSync } from 'node:fs';

/** Numbers from linux/capability.h. */
const NEEDED = { CAP_BPF: 39n, CAP_NET_ADMIN: 12n, CAP_PERFMON: 38n } as const;
const CAP_SYS_ADMIN = 21n;

/**
 * @param status the text of /proc/self/status
 * @returns names, empty where all are there; CAP_SYS_ADMIN stands for CAP_BPF and CAP_PERFMON
 */
export function missingCapabilities(status: string): string[] {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  const has = (bit: bigint) => ((effective >> bit) & 1n) === 1n;
  return Object.entries(NEEDED)
    .filter(([name, bit]) => !has(bit) && (name === 'CAP_NET_ADMIN' || !has(CAP_SYS_ADMIN)))
    .map(([name]) => name);
}

export const ownCapabilitiesMissing = (): string[] => missingCapabilities(readFileSync('/proc/self/status', 'utf8'));
