/** Which container stands behind a veth: its other end lies in the network namespace of the container's processes. */
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  statfsSync,
  statSync,
} from 'node:fs';

/** What is looked at on a host that has more: the first ones. */
const MOST_PROCESSES = 16_384;
const MOST_NAMESPACES = 512;
const MOST_INTERFACES = 64;
/** Processes asked of one namespace: the first may be a helper of the host. */
const MOST_ASKED = 4;
const MOST_NAME_CHARACTERS = 64;
/** linux/magic.h */
const SYSFS_MAGIC = 0x62656572;
const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/** One end of a veth: its number, and the number of the other end in the other's namespace. */
interface End {
  readonly index: number;
  readonly peer: number;
}

/** @returns the end of that name here; null where it is no veth, or unknown */
export function ownEnd(name: string): End | null {
  const end = readEnd('/sys/class/net', name);
  return end && end.index !== end.peer ? end : null;
}

/**
 * Names by the number of the veth here, as far as this process may look into others (root, or CAP_SYS_PTRACE).
 * A name is the container's host name, else the first 12 digits of its id. It is what the container says: a hint, not evidence.
 */
export function findContainers(wanted: readonly End[]): Map<number, string> {
  const found = new Map<number, string>();
  const own = readOr(() => readlinkSync('/proc/thread-self/ns/net'));
  const ownSysfs = readOr(() => statSync('/sys/class/net').dev);
  const asked = new Map<string, number>();
  for (const pid of processes()) {
    if (found.size === wanted.length) break;
    const namespace = readOr(() => readlinkSync(`/proc/${pid}/ns/net`));
    if (namespace === null || namespace === own) continue;
    const times = asked.get(namespace) ?? 0;
    if (times >= MOST_ASKED || (times === 0 && asked.size >= MOST_NAMESPACES)) continue;
    asked.set(namespace, times + 1);
    const behind = wanted.filter(({ index }) => !found.has(index)).filter((end) => hasOtherEnd(pid, end, ownSysfs));
    const name = behind.length > 0 ? nameOf(pid) : null;
    if (name !== null) for (const { index } of behind) found.set(index, name);
  }
  return found;
}

function processes(): number[] {
  const pids = (readOr(() => readdirSync('/proc')) ?? []).map(Number).filter(Number.isInteger);
  return pids.sort((one, other) => one - other).slice(0, MOST_PROCESSES);
}

function hasOtherEnd(pid: number, { index, peer }: End, ownSysfs: number | null): boolean {
  const folder = `/proc/${pid}/root/sys/class/net`;
  const isItsOwn = readOr(() => statfsSync(folder).type === SYSFS_MAGIC && statSync(folder).dev !== ownSysfs);
  if (!isItsOwn) return false;
  const names = readOr(() => readdirSync(folder)) ?? [];
  return names.slice(0, MOST_INTERFACES).some((name) => {
    const end = readEnd(folder, name);
    return end?.index === peer && end.peer === index;
  });
}

function readEnd(folder: string, name: string): End | null {
  const [index, peer] = ['ifindex', 'iflink'].map((file) =>
    readOr(() => Number.parseInt(readFileSync(`${folder}/${name}/${file}`, 'utf8'), 10)),
  );
  return index && peer ? { index, peer } : null;
}

function nameOf(pid: number): string | null {
  const written = readOr(() => readHostname(pid));
  const name = written
    ?.trim()
    .replace(/[^A-Za-z0-9._-]/g, '_')
    .slice(0, MOST_NAME_CHARACTERS);
  if (name) return name;
  return containerId(readOr(() => readFileSync(`/proc/${pid}/cgroup`, 'utf8')) ?? '');
}

/** @param cgroup the text of /proc/PID/cgroup; @returns the first 12 of the 64 digits that name a container there */
export const containerId = (cgroup: string): string | null => /[0-9a-f]{64}/.exec(cgroup)?.[0].slice(0, 12) ?? null;

/** No link is followed: the container could have it point to a file of the host. @returns null where it is the host's own */
function readHostname(pid: number): string | null {
  const folder = openSync(`/proc/${pid}/root/etc`, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    const file = openSync(`/proc/self/fd/${folder}/hostname`, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      const { dev, ino } = fstatSync(file);
      const host = statSync('/etc/hostname', { throwIfNoEntry: false });
      if (!fstatSync(file).isFile() || (host?.dev === dev && host.ino === ino)) return null;
      const bytes = Buffer.alloc(256);
      return bytes.toString('latin1', 0, readSync(file, bytes, 0, bytes.length, 0));
    } finally {
      closeSync(file);
    }
  } finally {
    closeSync(folder);
  }
}

/** Processes end while they are looked at, and not all may be. */
function readOr<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}
