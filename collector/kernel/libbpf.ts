/** The only file that calls into libbpf and libc: typed functions over koffi, failures as KernelError. */
import koffi, { type LibraryHandle } from 'koffi';

/** An address in this process; never 0. */
export type Pointer = bigint;
type Bytes = ArrayBufferView | null;

/** Bytes of `struct bpf_object_open_opts` (libbpf 1.0), and where its fields lie. */
const OPEN_OPTIONS = { size: 80, object_name: 8, kernel_log_buf: 56, kernel_log_size: 64 } as const;
/** The beginning of `struct bpf_link_create_opts`. */
const LINK_OPTIONS = { size: 16, flags: 8 } as const;
export const ENOENT = 2;
const EINTR = 4;
/** Signals that one call may meet. */
const INTERRUPTIONS = 100;
const PROTECTION_READ_WRITE = 3;
const MAP_SHARED = 1;
const AF_UNIX = 1;
const AF_INET = 2;
const AF_NETLINK = 16;
const SOCK_DGRAM = 2;
/** Not for the programs that this process starts: they may live longer. */
const SOCK_CLOEXEC = 0x80000;
const NETLINK_ROUTE = 0;
/** Of `struct bpf_prog_info`: its beginning. */
const PROGRAM_INFO = { size: 8, id: 4 } as const;
const EADDRINUSE = 98;
/** More than the kernel puts into one answer. */
const LARGEST_DATAGRAM = 64 * 1024;
const SIOCGIFHWADDR = 0x8927;

/** A call into the kernel that failed: what was tried and the errno name, such as EPERM. */
export class KernelError extends Error {
  override readonly name = 'KernelError';
  readonly operation: string;
  readonly code: string;

  constructor(operation: string, errno: number) {
    const code = errnoName(errno) ?? `error ${errno}`;
    super(`${operation}: ${code}`);
    this.operation = operation;
    this.code = code;
  }
}

/** libbpf 1.x is not on this machine. */
export class LibraryMissingError extends Error {
  override readonly name = 'LibraryMissingError';
}

const errnoName = (errno: number): string | undefined =>
  Object.entries(koffi.os.errno).findLast(([, number]) => number === errno)?.[0];

export type Kernel = ReturnType<typeof bind>;
let bound: Kernel | undefined;

/**
 * libbpf and libc, loaded once.
 * @throws LibraryMissingError where libbpf.so.1 cannot be loaded
 */
export function kernel(): Kernel {
  bound ??= bind();
  return bound;
}

function loadLibbpf(): LibraryHandle {
  try {
    return koffi.load('libbpf.so.1');
  } catch (cause) {
    throw new LibraryMissingError('libbpf.so.1 cannot be loaded', { cause });
  }
}

function bind() {
  // libc first, which is always there: where koffi itself cannot be loaded, libbpf is not what is missing.
  const libc = koffi.load(null);
  const bpf = loadLibbpf();

  const c = {
    setPrint: bpf.func('void *libbpf_set_print(void *)'),
    cpus: bpf.func('int libbpf_num_possible_cpus()'),
    open: bpf.func('void *bpf_object__open_mem(const void *, size_t, const void *)'),
    probeHelper: bpf.func('int libbpf_probe_bpf_helper(int, int, const void *)'),
    load: bpf.func('int bpf_object__load(void *)'),
    close: bpf.func('void bpf_object__close(void *)'),
    findProgram: bpf.func('void *bpf_object__find_program_by_name(void *, const char *)'),
    programFd: bpf.func('int bpf_program__fd(void *)'),
    findMap: bpf.func('void *bpf_object__find_map_by_name(void *, const char *)'),
    setMaxEntries: bpf.func('int bpf_map__set_max_entries(void *, uint32_t)'),
    mapFd: bpf.func('int bpf_map__fd(void *)'),
    initialValue: bpf.func('void *bpf_map__initial_value(void *, void *)'),
    linkCreate: bpf.func('int bpf_link_create(int, int, int, const void *)'),
    hookCreate: bpf.func('int bpf_tc_hook_create(void *)'),
    tcAttach: bpf.func('int bpf_tc_attach(const void *, void *)'),
    tcDetach: bpf.func('int bpf_tc_detach(const void *, const void *)'),
    lookup: bpf.func('int bpf_map_lookup_elem(int, const void *, void *)'),
    update: bpf.func('int bpf_map_update_elem(int, const void *, const void *, uint64_t)'),
    remove: bpf.func('int bpf_map_delete_elem(int, const void *)'),
    drain: bpf.func('int bpf_map_lookup_and_delete_batch(int, void *, void *, void *, void *, void *, const void *)'),
    programInfo: bpf.func('int bpf_obj_get_info_by_fd(int, void *, void *)'),
    lookupBatch: bpf.func('int bpf_map_lookup_batch(int, void *, void *, void *, void *, void *, const void *)'),
    testRun: bpf.func('int bpf_prog_test_run_opts(int, void *)'),
    mmap: libc.func('void *mmap(void *, size_t, int, int, int, int64_t)'),
    munmap: libc.func('int munmap(void *, size_t)'),
    closeFd: libc.func('int close(int)'),
    ifNameToIndex: libc.func('unsigned int if_nametoindex(const char *)'),
    socket: libc.func('int socket(int, int, int)'),
    bind: libc.func('int bind(int, const void *, uint32_t)'),
    send: libc.func('intptr_t send(int, const void *, size_t, int)'),
    receive: libc.func('intptr_t recv(int, void *, size_t, int)'),
    ioctl: libc.func('int ioctl(int, unsigned long, ...)'),
  };
  // Its complaints come back as errors with a remedy, not as lines on stderr.
  c.setPrint(null);

  /** libbpf 1.x returns −errno. */
  const checked = (operation: string, result: number): number => {
    if (result < 0) throw new KernelError(operation, -result);
    return result;
  };
  const found = (operation: string, pointer: Pointer | null): Pointer => {
    if (!pointer) throw new KernelError(operation, koffi.errno());
    return pointer;
  };

  const opened = (family: number, protocol: number): number => {
    const socket: number = c.socket(family, SOCK_DGRAM | SOCK_CLOEXEC, protocol);
    if (socket < 0) throw new KernelError('socket', koffi.errno());
    return socket;
  };

  return {
    /** Processors that the kernel may ever bring up: per-CPU values have one part for each. */
    possibleCpus: (): number => checked('libbpf_num_possible_cpus', c.cpus()),

    /** Whether programs of a type may call a helper; yes also where the kernel will not say. */
    hasHelper: (programType: number, helper: number): boolean => c.probeHelper(programType, helper, null) !== 0,

    /** Parses an object file; both buffers must outlive the object. The verifier writes its log into `log`. */
    openObject(file: Uint8Array, name: string, log: Uint8Array): Pointer {
      const label = Buffer.from(`${name}\0`);
      const options = Buffer.alloc(OPEN_OPTIONS.size);
      options.writeBigUInt64LE(BigInt(options.length), 0);
      options.writeBigUInt64LE(koffi.address(label), OPEN_OPTIONS.object_name);
      options.writeBigUInt64LE(koffi.address(log), OPEN_OPTIONS.kernel_log_buf);
      options.writeBigUInt64LE(BigInt(log.length), OPEN_OPTIONS.kernel_log_size);
      return found('bpf_object__open_mem', c.open(file, file.length, options));
    },
    loadObject: (object: Pointer): void => void checked('bpf_object__load', c.load(object)),
    closeObject: (object: Pointer): void => c.close(object),
    programFd: (object: Pointer, name: string): number =>
      checked(`program ${name}`, c.programFd(found(`program ${name}`, c.findProgram(object, name)))),
    mapFd: (object: Pointer, name: string): number =>
      checked(`map ${name}`, c.mapFd(found(`map ${name}`, c.findMap(object, name)))),
    /** Entries of a map instead of what the object says; to be set before the object is loaded. */
    setMaxEntries: (object: Pointer, map: string, entries: number): void =>
      void checked(`map ${map}`, c.setMaxEntries(found(`map ${map}`, c.findMap(object, map)), entries)),
    /** The bytes that a map such as .rodata will start with; to be written before the object is loaded. */
    initialValue(object: Pointer, map: string): DataView {
      const size = new BigUint64Array(1);
      const value = found(`map ${map}`, c.initialValue(found(`map ${map}`, c.findMap(object, map)), size));
      return new DataView(koffi.view(value, Number(size[0])));
    },

    /** Attaches a program to an interface until the returned descriptor is closed. */
    createLink(programFd: number, interfaceIndex: number, type: number, flags = 0): number {
      const options = Buffer.alloc(LINK_OPTIONS.size);
      options.writeBigUInt64LE(BigInt(options.length), 0);
      options.writeUInt32LE(flags, LINK_OPTIONS.flags);
      return checked('bpf_link_create', c.linkCreate(programFd, interfaceIndex, type, options));
    },
    /** clsact calls: 0 or −errno, with structs as the caller laid them out. */
    createHook: (hook: Bytes): number => c.hookCreate(hook),
    attachFilter: (hook: Bytes, filter: Bytes): void => void checked('bpf_tc_attach', c.tcAttach(hook, filter)),
    detachFilter: (hook: Bytes, filter: Bytes): number => c.tcDetach(hook, filter),

    /** What the kernel numbers a loaded program by. */
    programId(programFd: number): number {
      const info = Buffer.alloc(PROGRAM_INFO.size);
      checked('bpf_obj_get_info_by_fd', c.programInfo(programFd, info, new Uint32Array([info.length])));
      return info.readUInt32LE(PROGRAM_INFO.id);
    },
    /** Takes an abstract Unix address of this network namespace until the descriptor is closed, at the latest by this process's end; null where another has it. */
    takeAddress(name: string): number | null {
      const address = Buffer.from(`\0\0\0${name}`);
      address.writeUInt16LE(AF_UNIX, 0);
      const socket = opened(AF_UNIX, 0);
      if (c.bind(socket, address, address.length) === 0) return socket;
      const errno = koffi.errno();
      c.closeFd(socket);
      if (errno === EADDRINUSE) return null;
      throw new KernelError('bind', errno);
    },
    /** Asks rtnetlink and hands over its answers until `take` says that there are no more. */
    askRoute(request: Uint8Array, take: (answer: Buffer) => 'more' | 'done'): void {
      const socket = opened(AF_NETLINK, NETLINK_ROUTE);
      const answer = Buffer.alloc(LARGEST_DATAGRAM);
      try {
        if (c.send(socket, request, request.length, 0) < 0) throw new KernelError('send', koffi.errno());
        for (;;) {
          const length = Number(c.receive(socket, answer, answer.length, 0));
          if (length < 0) throw new KernelError('recv', koffi.errno());
          if (take(answer.subarray(0, length)) === 'done') return;
        }
      } finally {
        c.closeFd(socket);
      }
    },

    lookup: (map: number, key: Bytes, value: Bytes): void =>
      void checked('bpf_map_lookup_elem', c.lookup(map, key, value)),
    update: (map: number, key: Bytes, value: Bytes): void =>
      void checked('bpf_map_update_elem', c.update(map, key, value, 0n)),
    /** @returns whether the key is there */
    lookupIfThere(map: number, key: Bytes, value: Bytes): boolean {
      const result: number = c.lookup(map, key, value);
      return result !== -ENOENT && checked('bpf_map_lookup_elem', result) === 0;
    },
    /** @returns whether the key was there */
    remove(map: number, key: Bytes): boolean {
      const result: number = c.remove(map, key);
      return result !== -ENOENT && checked('bpf_map_delete_elem', result) === 0;
    },
    /** The same on a thread of its own, for updates that wait in the kernel; the buffers must not change meanwhile. */
    updateAside: (map: number, key: Bytes, value: Bytes): Promise<void> =>
      new Promise((resolve, reject) => {
        c.update.async(map, key, value, 0n, (error: Error | null, result: number) => {
          if (error) reject(error);
          else if (result < 0) reject(new KernelError('bpf_map_update_elem', -result));
          else resolve();
        });
      }),
    /** Takes a batch out of a hash map; 0 or −errno. `count` holds the room, then the entries. */
    takeBatch: (map: number, from: Bytes, next: Bytes, keys: Bytes, values: Bytes, count: Uint32Array): number =>
      c.drain(map, from, next, keys, values, count, null),

    /** Reads a batch of entries; 0, or −errno: ENOENT where those were all. `count` holds the room, then the entries. */
    readBatch: (map: number, next: Bytes, keys: Bytes, values: Bytes, count: Uint32Array): number =>
      c.lookupBatch(map, null, next, keys, values, count, null),

    /** Maps the first page of an array map into this process. */
    mapMemory(map: number, bytes: number): { memory: ArrayBuffer; unmap: () => void } {
      const address: Pointer = c.mmap(null, bytes, PROTECTION_READ_WRITE, MAP_SHARED, map, 0);
      if (BigInt.asIntN(64, address) === -1n) throw new KernelError('mmap', koffi.errno());
      return { memory: koffi.view(address, bytes), unmap: () => c.munmap(address, bytes) };
    },
    closeFd: (fd: number): void => void c.closeFd(fd),

    /** Runs a program on one frame; `options` is a struct bpf_test_run_opts. A long run that a signal ends is begun again. */
    testRun(programFd: number, options: Bytes): void {
      let result: number = c.testRun(programFd, options);
      for (let again = 0; again < INTERRUPTIONS && result === -EINTR; again++) result = c.testRun(programFd, options);
      checked('bpf_prog_test_run_opts', result);
    },
    addressOf: (bytes: ArrayBufferView): Pointer => koffi.address(bytes),

    /** An interface's number in this network namespace; 0 where there is none of that name. */
    interfaceIndex: (name: string): number => c.ifNameToIndex(name),
    /** An interface's ARPHRD_ type, such as 1 for Ethernet. */
    linkType(name: string): number {
      const socket = opened(AF_INET, 0);
      try {
        const request = Buffer.alloc(40);
        request.write(name, 0, 15, 'latin1');
        if (c.ioctl(socket, SIOCGIFHWADDR, 'void *', request) < 0)
          throw new KernelError('SIOCGIFHWADDR', koffi.errno());
        return request.readUInt16LE(16);
      } finally {
        c.closeFd(socket);
      }
    },
  };
}
