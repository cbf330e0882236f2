/** Whether this kernel and this process can run the eBPF programs, found out by running them for a moment. */
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { firstRelease, type KernelFeature, lackingFeatures, OLDEST_RELEASE } from '../kernel/features.ts';
import { interfaceNames } from '../kernel/interface.ts';
import { InterfaceObserver } from '../kernel/observer.ts';
import { ownCapabilitiesMissing } from '../kernel/privileges.ts';
import { shippedFile } from '../shipped-file.ts';
import { explain, withoutEbpf } from '../sources/ebpf-failure.ts';
import { MAX_INTERFACES } from '../sources/ebpf-pattern.ts';
import { matcher } from '../sources/interface-pattern.ts';
import { SourceError } from '../sources/source.ts';
import { type Finding, limited, missing, ok } from './finding.ts';

/** @param name such as 6.1.0-18-amd64; one that begins otherwise counts as too old */
export function kernelFinding(name: string = release()): Finding {
  const lacking = lackingFeatures(name);
  const needed = lacking.filter(({ without }) => without === undefined);
  if (needed.length > 0)
    return missing(
      'kernel',
      `Linux ${name} lacks ${needed.map(withRelease).join(', ')}`,
      `Use Linux ${OLDEST_RELEASE} or newer, or ${withoutEbpf('eth0')}`,
    );
  if (lacking.length > 0)
    return limited(
      'kernel',
      `Linux ${name} lacks ${lacking.map((feature) => `${withRelease(feature)}: ${feature.without}`).join('; ')}`,
      `Linux ${firstRelease(lacking)} or newer lacks nothing`,
    );
  return ok('kernel', `Linux ${name} lacks nothing`);
}

const withRelease = (feature: KernelFeature): string => `${feature.name} (${firstRelease([feature])})`;

/** Without the just-in-time compiler a packet costs many times as much. */
export function jitFinding(setting: string | null = readOrNull('/proc/sys/net/core/bpf_jit_enable')): Finding {
  if (setting === null || setting.trim() !== '0') return ok('jit', 'eBPF is compiled');
  return limited(
    'jit',
    'eBPF is interpreted: each packet costs many times as much',
    'sysctl -w net.core.bpf_jit_enable=1',
  );
}

export function capabilitiesFinding(lacking: readonly string[] = ownCapabilitiesMissing()): Finding {
  if (lacking.length === 0) return ok('privileges', 'CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON are there');
  return missing(
    'privileges',
    `${lacking.join(', ')} missing`,
    'Run it as root, or as infra/vigia-collector.service does',
  );
}

/** Loads and attaches the programs, and takes them away again. */
export function programFinding(name: string): Finding {
  try {
    const observer = new InterfaceObserver(name, shippedFile('../bpf/vigia.bpf.o', import.meta.url), 0n);
    const { kind } = observer.attachment;
    observer.close();
    return ok(`ebpf:${name}`, `the programs load and attach by ${kind}`);
  } catch (error) {
    const explained = explain(`ebpf:${name}`, error);
    if (explained instanceof SourceError) return missing(`ebpf:${name}`, explained.what, explained.remedy);
    throw error;
  }
}

/** The same for each interface that a pattern means now. */
export function patternFindings(pattern: string): Finding[] {
  const names = interfaceNames().filter(matcher(pattern));
  if (names.length > 0) return names.slice(0, MAX_INTERFACES).map(programFinding);
  return [limited(`ebpf:${pattern}`, 'it means no interface there is now', 'One is watched as soon as it comes')];
}

/** Interfaces there are, but for the loopback. */
export const observableInterfaces = (): string[] => interfaceNames().filter((name) => name !== 'lo');

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null; // older kernels, and containers that hide it
  }
}
