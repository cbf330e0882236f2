/** Hangs the programs on an interface: tcx links (Linux 6.6), or clsact filters on older kernels. */
import { isOwned, markOwned, ourFilters } from './clsact-filters.ts';
import { KernelError, kernel } from './libbpf.ts';
import type { Program } from './program.ts';

/** enum bpf_attach_type (linux/bpf.h). */
const TCX_INGRESS = 46;
const TCX_EGRESS = 47;
const XDP = 37;
/** XDP_FLAGS_SKB_MODE (linux/if_link.h). */
const GENERIC = 2;
const CANNOT_IN_DRIVER: ReadonlySet<string> = new Set(['ERANGE', 'EOPNOTSUPP', 'EINVAL', 'ENOMEM']);
/** enum bpf_tc_attach_point (bpf/libbpf.h). */
const TC_INGRESS = 1;
const TC_EGRESS = 2;
const TC_BOTH = 3;
/** struct bpf_tc_hook and struct bpf_tc_opts of libbpf 1.0. */
const HOOK = { size: 24, ifindex: 8, attach_point: 12 } as const;
const FILTER = { size: 32, prog_fd: 8, flags: 12, prog_id: 16, handle: 20, priority: 24 } as const;
const EEXIST = 17;

export interface Attachment {
  readonly kind: 'tcx' | 'clsact';
  /** Detaches both programs; a second call does nothing. */
  detach(): void;
}

/**
 * Attaches beside whatever is there already, another collector included.
 * A tcx link ends with this process, however it ends. A clsact filter would outlive it, so it is also removed when the process exits;
 * only SIGKILL on a kernel before 6.6 leaves one behind, which drops nothing soon after and is removed when the interface is attached to again.
 * @throws KernelError
 */
export function attach(program: Program, interfaceIndex: number): Attachment {
  try {
    return attachTcx(program, interfaceIndex);
  } catch (error) {
    // EINVAL: the kernel knows no tcx.
    if (error instanceof KernelError && error.code === 'EINVAL') return attachClsact(program, interfaceIndex);
    throw error;
  }
}

function attachTcx(program: Program, interfaceIndex: number): Attachment {
  const links = [kernel().createLink(program.ingress, interfaceIndex, TCX_INGRESS)];
  const detach = () => {
    for (const link of links.splice(0)) kernel().closeFd(link);
  };
  try {
    links.push(kernel().createLink(program.egress, interfaceIndex, TCX_EGRESS));
  } catch (error) {
    detach();
    throw error;
  }
  return { kind: 'tcx', detach };
}

function hook(interfaceIndex: number, point: number): Buffer {
  const bytes = Buffer.alloc(HOOK.size);
  bytes.writeBigUInt64LE(BigInt(HOOK.size), 0);
  bytes.writeInt32LE(interfaceIndex, HOOK.ifindex);
  bytes.writeInt32LE(point, HOOK.attach_point);
  return bytes;
}

/** The same programs as filters of a clsact queueing discipline, which stays: others may use it. */
export function attachClsact(program: Program, interfaceIndex: number): Attachment {
  const created = kernel().createHook(hook(interfaceIndex, TC_BOTH));
  if (created < 0 && created !== -EEXIST) throw new KernelError('bpf_tc_hook_create', -created);
  removeLeftFilters(interfaceIndex);
  const marks = [program.ingress, program.egress].map((fd) => markOwned(kernel().programId(fd)));
  const attached: [Buffer, Buffer][] = [];
  const detach = () => {
    process.removeListener('exit', detach);
    for (const [point, filter] of attached.splice(0)) kernel().detachFilter(point, filter);
    for (const unmark of marks.splice(0)) unmark();
  };
  process.once('exit', detach);
  try {
    for (const [place, programFd] of [
      [TC_INGRESS, program.ingress],
      [TC_EGRESS, program.egress],
    ] as const) {
      const point = hook(interfaceIndex, place);
      const filter = Buffer.alloc(FILTER.size);
      filter.writeBigUInt64LE(BigInt(FILTER.size), 0);
      filter.writeInt32LE(programFd, FILTER.prog_fd);
      // The kernel chooses handle and priority and libbpf writes them here: filters of two collectors stand side by side.
      kernel().attachFilter(point, filter);
      // Detaching refuses these two.
      filter.writeInt32LE(0, FILTER.prog_fd);
      filter.writeUInt32LE(0, FILTER.flags);
      filter.writeUInt32LE(0, FILTER.prog_id);
      attached.push([point, filter]);
    }
  } catch (error) {
    detach();
    throw error;
  }
  return { kind: 'clsact', detach };
}

/** Of collectors that were killed; those of others that live stay. */
function removeLeftFilters(interfaceIndex: number): void {
  for (const left of ourFilters(interfaceIndex)) {
    if (isOwned(left)) continue;
    const filter = Buffer.alloc(FILTER.size);
    filter.writeBigUInt64LE(BigInt(FILTER.size), 0);
    filter.writeUInt32LE(left.handle, FILTER.handle);
    filter.writeUInt32LE(left.priority, FILTER.priority);
    kernel().detachFilter(hook(interfaceIndex, left.direction === 'ingress' ? TC_INGRESS : TC_EGRESS), filter);
  }
}

/**
 * Hangs the program that drops what is blocked on the XDP hook, before the network stack: in the driver where it can, else in the
 * generic place behind it, as with jumbo frames. It ends with this process.
 * @throws KernelError EBUSY where another XDP program is there
 */
export function attachXdp(program: Program, interfaceIndex: number): { detach(): void } {
  const links = [createXdpLink(program, interfaceIndex)];
  return {
    detach() {
      for (const link of links.splice(0)) kernel().closeFd(link);
    },
  };
}

function createXdpLink(program: Program, interfaceIndex: number): number {
  try {
    return kernel().createLink(program.block, interfaceIndex, XDP);
  } catch (error) {
    if (!(error instanceof KernelError) || !CANNOT_IN_DRIVER.has(error.code)) throw error;
    return kernel().createLink(program.block, interfaceIndex, XDP, GENERIC);
  }
}
