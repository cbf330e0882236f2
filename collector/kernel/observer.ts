/** One interface under observation: programs loaded and attached, and a way to rotate their windows. */
import { type Attachment, attach, attachClsact, attachXdp } from './attachment.ts';
import { BlockMaps } from './block-maps.ts';
import { interfaceIndex, linkBytes } from './interface.ts';
import { KernelError } from './libbpf.ts';
import { loadProgram, type Program } from './program.ts';
import type { OnOpened } from './top-sources.ts';
import { WindowBuffers, type WindowCounts } from './window-counts.ts';

/** There is no interface of that name here. */
export class NoInterfaceError extends Error {
  override readonly name = 'NoInterfaceError';
}

/** The interface's frames begin with a link header that the programs cannot read. */
export class LinkTypeError extends Error {
  override readonly name = 'LinkTypeError';
}

/** The kernel hangs no program on the XDP hook of the interface. */
export class XdpRefusedError extends Error {
  override readonly name = 'XdpRefusedError';
  readonly code: string;

  constructor(cause: KernelError) {
    super(`the kernel refused the XDP hook (${cause.code})`, { cause });
    this.code = cause.code;
  }
}

const ETHERNET_BYTES = 14;

export class InterfaceObserver {
  readonly attachment: Attachment;
  readonly blocks: BlockMaps;
  readonly #name: string;
  readonly #index: number;
  readonly #program: Program;
  readonly #buffers: WindowBuffers;
  #xdp: { detach(): void } | null = null;

  /**
   * Loads and attaches; counting starts here.
   * @param seed of the programs' hashes
   * @param hook `clsact` forces what kernels before 6.6 get anyway
   * @param addresses room of a window for remote addresses, instead of 16,384
   * @throws NoInterfaceError, LinkTypeError, ProgramRefusedError, KernelError, LibraryMissingError
   */
  constructor(name: string, file: Uint8Array, seed: bigint, hook?: 'clsact', addresses?: number) {
    this.#name = name;
    this.#index = interfaceIndex(name);
    if (this.#index === 0) throw new NoInterfaceError(`there is no interface ${name}`);
    const bytes = linkBytes(name);
    if (bytes === undefined) throw new LinkTypeError(`the link type of ${name} is not supported`);
    this.#program = loadProgram(file, bytes, seed, addresses);
    try {
      this.#buffers = new WindowBuffers(this.#program);
      this.blocks = new BlockMaps(this.#program);
      this.attachment = (hook === 'clsact' ? attachClsact : attach)(this.#program, this.#index);
    } catch (error) {
      this.#program.close();
      throw error;
    }
  }

  /** Whether the interface that was attached to is still there; another one of the same name does not count. */
  present(): boolean {
    return interfaceIndex(this.#name) === this.#index;
  }

  /** Ends the window and begins the next at once. @returns the reading of what ended */
  rotate(): (onOpened: OnOpened) => Promise<WindowCounts> {
    const buffer = this.#buffers.flip();
    return (onOpened) => this.#buffers.read(buffer, onOpened);
  }

  /** From now on what is blocked is dropped at the XDP hook. @throws LinkTypeError, XdpRefusedError */
  dropEarly(): void {
    if (linkBytes(this.#name) !== ETHERNET_BYTES)
      throw new LinkTypeError(`${this.#name} has no Ethernet header: nothing can be dropped at its XDP hook`);
    try {
      this.#xdp ??= attachXdp(this.#program, this.#index);
    } catch (error) {
      throw error instanceof KernelError ? new XdpRefusedError(error) : error;
    }
  }

  /** Detaches and unloads; nothing is blocked any more. */
  close(): void {
    this.#xdp?.detach();
    this.attachment.detach();
    this.#program.close();
  }
}
