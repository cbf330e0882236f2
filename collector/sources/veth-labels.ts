/** Labels of interfaces that say whose they are, such as `veth1a2b3c@web-1`. */
import { findContainers, ownEnd } from '../kernel/veth-containers.ts';
import { interfaceLabel } from './ebpf.ts';

/** A container gets its name after its interface: how many seconds after it came a veth is looked up, until it is found. */
const LOOK_AT_S = [0, 1, 2, 4, 8, 16, 32, 64];

interface Known {
  readonly since_ns: bigint;
  looks: number;
  label: string;
}

export class VethLabels {
  readonly #known = new Map<number, Known>();

  /** Looks up what is due, in one go. @param interfaces all that are watched; others are forgotten */
  update(interfaces: readonly { name: string; index: number }[], now_ns: bigint): void {
    const indices = new Set(interfaces.map(({ index }) => index));
    for (const index of this.#known.keys()) if (!indices.has(index)) this.#known.delete(index);
    const wanted = interfaces.flatMap(({ name, index }) => {
      const known = this.#known.get(index) ?? { since_ns: now_ns, looks: 0, label: interfaceLabel(name) };
      this.#known.set(index, known);
      const due_s = LOOK_AT_S[known.looks];
      if (due_s === undefined || Number(now_ns - known.since_ns) / 1e9 < due_s) return [];
      known.looks++;
      const end = ownEnd(name);
      return end?.index === index ? [{ name, ...end }] : [];
    });
    if (wanted.length === 0) return;
    const containers = findContainers(wanted);
    for (const { name, index } of wanted) {
      const container = containers.get(index);
      if (container !== undefined)
        this.#known.set(index, {
          since_ns: now_ns,
          looks: LOOK_AT_S.length,
          label: `${interfaceLabel(name)}@${container}`,
        });
    }
  }

  of(index: number): string | undefined {
    return this.#known.get(index)?.label;
  }
}
