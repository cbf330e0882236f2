/** The clsact filters of our programs on an interface, and which of them outlived their collector: SIGKILL leaves them there. */
import { KernelError, kernel } from './libbpf.ts';

/** linux/rtnetlink.h, linux/netlink.h */
const RTM_GETTFILTER = 46;
const RTM_NEWTFILTER = 44;
const REQUEST_DUMP = 0x301;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
/** struct nlmsghdr, then struct tcmsg, then attributes. */
const MESSAGE = { size: 36, length: 0, type: 4, flags: 6, error: 16, ifindex: 20, handle: 24, parent: 28, info: 32 };
const TCA_OPTIONS = 2;
const TCA_BPF_NAME = 7;
const TCA_BPF_ID = 11;
const INGRESS = 0xffff_fff2;
const EGRESS = 0xffff_fff3;
/** As libbpf names a filter: by its program and that one's number. */
const OUR_NAME = /^vigia_(ingress|egress)\b/;

export interface ClsactFilter {
  readonly direction: 'ingress' | 'egress';
  readonly handle: number;
  readonly priority: number;
  readonly programId: number;
}

/** @throws KernelError */
export function ourFilters(interfaceIndex: number): ClsactFilter[] {
  return [...filtersAt(interfaceIndex, 'ingress'), ...filtersAt(interfaceIndex, 'egress')];
}

function filtersAt(interfaceIndex: number, direction: ClsactFilter['direction']): ClsactFilter[] {
  const request = Buffer.alloc(MESSAGE.size);
  request.writeUInt32LE(request.length, MESSAGE.length);
  request.writeUInt16LE(RTM_GETTFILTER, MESSAGE.type);
  request.writeUInt16LE(REQUEST_DUMP, MESSAGE.flags);
  request.writeInt32LE(interfaceIndex, MESSAGE.ifindex);
  request.writeUInt32LE(direction === 'ingress' ? INGRESS : EGRESS, MESSAGE.parent);
  const filters: ClsactFilter[] = [];
  kernel().askRoute(request, (answer) => {
    for (let at = 0; at + MESSAGE.error <= answer.length; ) {
      const length = answer.readUInt32LE(at + MESSAGE.length);
      const type = answer.readUInt16LE(at + MESSAGE.type);
      if (type === NLMSG_DONE) return 'done';
      if (type === NLMSG_ERROR) throw new KernelError('RTM_GETTFILTER', -answer.readInt32LE(at + MESSAGE.error));
      if (type === RTM_NEWTFILTER) filters.push(...ours(answer.subarray(at, at + length), direction));
      at += aligned(length);
    }
    return 'more';
  });
  return filters;
}

function ours(message: Buffer, direction: ClsactFilter['direction']): ClsactFilter[] {
  const options = attributes(message.subarray(MESSAGE.size)).get(TCA_OPTIONS);
  const bpf = attributes(options ?? Buffer.alloc(0));
  const id = bpf.get(TCA_BPF_ID);
  if (!id || !OUR_NAME.test(bpf.get(TCA_BPF_NAME)?.toString('latin1') ?? '')) return [];
  return [
    {
      direction,
      handle: message.readUInt32LE(MESSAGE.handle),
      priority: message.readUInt32LE(MESSAGE.info) >>> 16,
      programId: id.readUInt32LE(0),
    },
  ];
}

const aligned = (bytes: number): number => (bytes + 3) & ~3;

/** struct nlattr: 16 bits of length, its own four bytes included, and 14 of type. */
function attributes(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    if (length < 4) break;
    found.set(bytes.readUInt16LE(at + 2) & 0x3fff, bytes.subarray(at + 4, at + length));
    at += aligned(length);
  }
  return found;
}

/**
 * Marks a program's filter as that of a collector that lives: by an address of the network namespace, which ends with the process.
 * Asking the kernel for the program by its number would need CAP_SYS_ADMIN.
 * @returns takes the mark away
 */
export function markOwned(programId: number): () => void {
  const address = kernel().takeAddress(markOf(programId));
  return () => {
    if (address !== null) kernel().closeFd(address);
  };
}

export function isOwned({ programId }: ClsactFilter): boolean {
  const address = kernel().takeAddress(markOf(programId));
  if (address === null) return true;
  kernel().closeFd(address);
  return false;
}

const markOf = (programId: number): string => `vigia-program-${programId}`;
