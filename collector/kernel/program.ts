/** The compiled object in the kernel: loads it with its constants and hands out its descriptors. */
import { CONSTANTS, STATE } from './layout.ts';
import { KernelError, kernel, type Pointer } from './libbpf.ts';

/** enum bpf_prog_type and enum bpf_func_id (linux/bpf.h). */
const SCHED_CLS = 3;
const KTIME_GET_COARSE_NS = 160;
const VERIFIER_LOG_BYTES = 256 * 1024;
const MAPS = ['windows', 'sources_0', 'sources_1', 'admissions', 'barrier', 'blocked', 'allowed'] as const;
const SOURCES = ['sources_0', 'sources_1'] as const satisfies (typeof MAPS)[number][];
type MapName = (typeof MAPS)[number];

export interface Program {
  readonly ingress: number;
  readonly egress: number;
  /** Drops what is blocked at the XDP hook. */
  readonly block: number;
  readonly maps: Readonly<Record<MapName, number>>;
  /** One element, shared with the programs: the buffer that they count into. */
  readonly epoch: Uint32Array;
  /** One element, shared with the programs: how many entries the block list has. */
  readonly blockCount: Uint32Array;
  /** One element, shared with the programs: until when blocks hold, by the monotonic clock in ns. */
  readonly holdsUntil: BigUint64Array;
  close(): void;
}

/** The kernel refused the object; `log` is the end of what its verifier said. */
export class ProgramRefusedError extends Error {
  override readonly name = 'ProgramRefusedError';
  readonly code: string;
  readonly log: string;

  constructor(cause: KernelError, log: string) {
    super(`the kernel refused the eBPF programs (${cause.code})${log && `: ${log}`}`, { cause });
    this.code = cause.code;
    this.log = log;
  }
}

/**
 * Loads the programs; nothing is attached yet.
 * @param link_bytes length of the interface's link header
 * @param seed for the hashes, so that nobody outside can choose addresses or ports that collide
 * @param addresses room of a window for remote addresses, instead of what the object says
 * @throws ProgramRefusedError, KernelError, LibraryMissingError
 */
export function loadProgram(file: Uint8Array, link_bytes: number, seed: bigint, addresses?: number): Program {
  const k = kernel();
  const log = new Uint8Array(VERIFIER_LOG_BYTES);
  const object = k.openObject(file, 'vigia', log);
  try {
    const constants = k.initialValue(object, '.rodata');
    constants.setUint32(CONSTANTS.link_bytes, link_bytes, true);
    constants.setUint32(CONSTANTS.coarse_clock, k.hasHelper(SCHED_CLS, KTIME_GET_COARSE_NS) ? 1 : 0, true);
    constants.setBigUint64(CONSTANTS.seed, seed, true);
    if (addresses !== undefined) for (const map of SOURCES) k.setMaxEntries(object, map, addresses);
    load(object, log);
    const maps = Object.fromEntries(MAPS.map((name) => [name, k.mapFd(object, name)])) as Record<MapName, number>;
    const state = k.mapMemory(k.mapFd(object, '.bss'), STATE.size);
    return {
      ingress: k.programFd(object, 'vigia_ingress'),
      egress: k.programFd(object, 'vigia_egress'),
      block: k.programFd(object, 'vigia_block'),
      maps,
      epoch: new Uint32Array(state.memory, STATE.epoch, 1),
      blockCount: new Uint32Array(state.memory, STATE.block_count, 1),
      holdsUntil: new BigUint64Array(state.memory, STATE.holds_until_ns, 1),
      close() {
        state.unmap();
        k.closeObject(object);
      },
    };
  } catch (error) {
    k.closeObject(object);
    throw error;
  }
}

function load(object: Pointer, log: Uint8Array): void {
  try {
    kernel().loadObject(object);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    const text = Buffer.from(log).toString('latin1').replace(/\0.*$/s, '').trim();
    throw new ProgramRefusedError(error, text.split('\n').slice(-3).join(' / '));
  }
}
