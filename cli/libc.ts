/** The calls of libc that Node does not offer: a listening socket that nobody accepts from here, a lock that child processes hold too, and datagrams to Unix sockets. */
import koffi from 'koffi';

/** Of Linux, the same on x64 and arm64. */
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_REUSEPORT = 15;
const SO_ATTACH_REUSEPORT_CBPF = 51;
/** Instructions of classic BPF: filter.h of Linux. */
const LOAD_WORD = 0x20;
const MODULO_CONSTANT = 0x94;
const JUMP_IF_EQUAL = 0x15;
const RETURN_CONSTANT = 0x06;
/** SKF_AD_OFF + SKF_AD_RANDOM: where a program loads a random number from. */
const RANDOM = 0xfffff038;
const LOCK_EXCLUSIVE_AT_ONCE = 2 | 4;

/** A call that failed: which, and the errno's name, such as EADDRINUSE. */
export class SystemCallError extends Error {
  override readonly name = 'SystemCallError';
  readonly code: string;

  constructor(call: string) {
    const errno = koffi.errno();
    const code = Object.entries(koffi.os.errno).find(([, number]) => number === errno)?.[0] ?? `error ${errno}`;
    super(`${call}: ${code}`);
    this.code = code;
  }
}

const libc = koffi.load(null);
const filter = koffi.struct('vigia_sock_filter', { code: 'uint16', jt: 'uint8', jf: 'uint8', k: 'uint32' });
koffi.struct('vigia_sock_fprog', { len: 'uint16', filter: koffi.pointer(filter) });
const c = {
  socket: libc.func('int socket(int, int, int)'),
  setInt: libc.func('int setsockopt(int, int, int, const int *, uint32_t)'),
  setProgram: libc.func('int setsockopt(int, int, int, const vigia_sock_fprog *, uint32_t)'),
  bind: libc.func('int bind(int, const void *, uint32_t)'),
  listen: libc.func('int listen(int, int)'),
  nameOf: libc.func('int getsockname(int, void *, uint32_t *)'),
  close: libc.func('int close(int)'),
  flock: libc.func('int flock(int, int)'),
  sendTo: libc.func('int64_t sendto(int, const void *, uint64_t, int, const void *, uint32_t)'),
};

function checked(call: string, result: number): number {
  if (result < 0) throw new SystemCallError(call);
  return result;
}

/**
 * A socket that listens beside others of this user on the same address (SO_REUSEPORT).
 * @param address its bytes, 4 or 16
 * @param port 0: any free one
 * @returns its descriptor and port
 * @throws SystemCallError
 */
export function listen(address: Uint8Array, port: number, backlog: number): { fd: number; port: number } {
  const fd = checked('socket', c.socket(address.length === 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  try {
    for (const option of [SO_REUSEADDR, SO_REUSEPORT]) checked('setsockopt', c.setInt(fd, SOL_SOCKET, option, [1], 4));
    const name = socketName(address, port);
    checked('bind', c.bind(fd, name, name.length));
    checked('listen', c.listen(fd, backlog));
    checked('getsockname', c.nameOf(fd, name, [name.length]));
    return { fd, port: name.readUInt16BE(2) };
  } catch (error) {
    c.close(fd);
    throw error;
  }
}

/**
 * New connections to the address of `fd` go, by chance, to one of the sockets there that have these indexes, counted from 0 in the
 * order in which they began to listen. man 7 socket
 */
export function steerConnections(fd: number, indexes: readonly number[]): void {
  const step = (code: number, k: number, jf = 0) => ({ code, jt: 0, jf, k });
  const steps = [
    step(LOAD_WORD, RANDOM),
    step(MODULO_CONSTANT, indexes.length),
    ...indexes.flatMap((index, drawn) => [step(JUMP_IF_EQUAL, drawn, 1), step(RETURN_CONSTANT, index)]),
    step(RETURN_CONSTANT, 0),
  ];
  const program = { len: steps.length, filter: steps };
  checked('setsockopt', c.setProgram(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, program, 16));
}

export function close(fd: number): void {
  checked('close', c.close(fd));
}

/** @returns false where another open file of it is locked. The lock lasts until the last process that inherits `fd` has closed it. */
export function lock(fd: number): boolean {
  if (c.flock(fd, LOCK_EXCLUSIVE_AT_ONCE) === 0) return true;
  const error = new SystemCallError('flock');
  if (error.code !== 'EWOULDBLOCK' && error.code !== 'EAGAIN') throw error;
  return false;
}

/**
 * Sends one datagram.
 * @param path of the socket that takes it; one that begins with @ stands in no file
 * @throws SystemCallError
 */
export function sendToUnixSocket(path: string, text: string): void {
  const bytes = Buffer.from(text);
  const name = Buffer.from(`\0\0${path.replace(/^@/, '\0')}`);
  name.writeUInt16LE(AF_UNIX, 0);
  const fd = checked('socket', c.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  try {
    checked('sendto', c.sendTo(fd, bytes, bytes.length, 0, name, name.length));
  } finally {
    c.close(fd);
  }
}

/** struct sockaddr_in, or sockaddr_in6: family in the machine's order, port and address in the network's. */
function socketName(address: Uint8Array, port: number): Buffer {
  const v4 = address.length === 4;
  const name = Buffer.alloc(v4 ? 16 : 28);
  name.writeUInt16LE(v4 ? AF_INET : AF_INET6, 0);
  name.writeUInt16BE(port, 2);
  name.set(address, v4 ? 4 : 8);
  return name;
}
