/** Turns what the kernel refuses into what the operator can do about it. */
import { release } from 'node:os';
import { CGROUP_MEMORY, firstRelease, lackingFeatures, OLDEST_RELEASE, XDP_LINKS } from '../kernel/features.ts';
import { interfaceNames } from '../kernel/interface.ts';
import { KernelError, LibraryMissingError } from '../kernel/libbpf.ts';
import { LinkTypeError, NoInterfaceError, XdpRefusedError } from '../kernel/observer.ts';
import { ownCapabilitiesMissing } from '../kernel/privileges.ts';
import { ProgramRefusedError } from '../kernel/program.ts';
import { isPattern } from './interface-pattern.ts';
import { SourceError } from './source.ts';

const KERNEL_NEEDED = `Vigía needs Linux ${OLDEST_RELEASE} or newer with CONFIG_BPF_SYSCALL, and before 6.6 with CONFIG_NET_SCH_INGRESS and CONFIG_NET_CLS_BPF`;
const PRIVILEGES =
  'Run it as root, or give the service AmbientCapabilities=CAP_BPF CAP_NET_ADMIN CAP_PERFMON (systemd), or in a container --cap-add BPF --cap-add NET_ADMIN --cap-add PERFMON';
const FORBIDDEN =
  'Something above this process forbids eBPF: a user namespace, seccomp, or kernel lockdown; run the collector on the host itself, or let the container use the bpf system call';
const LOCKED_MEMORY = 'Let it lock 16 MiB of memory: LimitMEMLOCK=infinity (systemd), --ulimit memlock=-1 (container)';

/** What counts packets where eBPF does not run; docs/collector.md says what it leaves out. */
export const withoutEbpf = (interfaceName: string): string =>
  `pipe a capture: tcpdump -i ${interfaceName} -U -w - | vigia collect --source pcap:-:${interfaceName}`;

/** A SourceError for whatever starting or reading the programs threw; anything else is returned as it is. */
export function explain(spec: string, error: unknown): unknown {
  const cause = { cause: error };
  const target = spec.slice(spec.indexOf(':') + 1);
  const instead = `Else ${withoutEbpf(isPattern(target) ? 'any' : target)}`;
  if (error instanceof LibraryMissingError)
    return new SourceError(
      spec,
      'libbpf.so.1 is missing',
      `Install it: apt-get install libbpf1 (Debian 12, Ubuntu 24.04 and newer), or dnf install libbpf. ${instead}`,
      cause,
    );
  if (error instanceof NoInterfaceError)
    return new SourceError(
      spec,
      'there is no such interface here',
      `There are: ${interfaceNames().join(', ')}. Interfaces of another network namespace: ip netns exec NAME …`,
      cause,
    );
  if (error instanceof LinkTypeError)
    return new SourceError(
      spec,
      'its link type is neither Ethernet nor bare IP',
      'Observe the Ethernet or tunnel interface that carries its traffic',
      cause,
    );
  if (error instanceof XdpRefusedError)
    return new SourceError(
      spec,
      `nothing can be dropped at its XDP hook: ${whyNoXdp(error)}`,
      'Set block-at = "tcx": there it is dropped where it is counted',
      cause,
    );
  if (!(error instanceof ProgramRefusedError || error instanceof KernelError)) return error;
  if (error.code === 'EPERM' || error.code === 'EACCES') {
    const missing = ownCapabilitiesMissing();
    if (missing.length > 0)
      return new SourceError(spec, `no permission: ${missing.join(', ')} missing`, `${PRIVILEGES}. ${instead}`, cause);
    const isLocked = lackingFeatures(release()).includes(CGROUP_MEMORY);
    return new SourceError(
      spec,
      `refused (${error.message}) although the capabilities are there`,
      `${isLocked ? `${LOCKED_MEMORY}. Where it may: ` : ''}${FORBIDDEN}. ${instead}`,
      cause,
    );
  }
  return new SourceError(
    spec,
    `${error.message} on Linux ${release()}`,
    `${KERNEL_NEEDED}; if this kernel has all that, report this line. ${instead}`,
    cause,
  );
}

function whyNoXdp({ code, message }: XdpRefusedError): string {
  if (code === 'EBUSY' || code === 'EEXIST') return 'another XDP program is there (ip link show names it)';
  if (lackingFeatures(release()).includes(XDP_LINKS))
    return `Linux ${release()} has no ${XDP_LINKS.name}, which came with ${firstRelease([XDP_LINKS])}`;
  return message;
}
