/** Reads sections, symbols and BTF types of a compiled BPF object (linux/btf.h, little-endian ELF64). */

export interface Member {
  name: string;
  offset: number;
}

export interface BtfType {
  kind: number;
  name: string;
  size: number;
  members: Member[];
}

export const STRUCT = 4;
const DATASEC = 15;

/** Section name → bytes. */
export function sections(object: Buffer): Map<string, Buffer> {
  const table = Number(object.readBigUInt64LE(0x28));
  const [entry, count, names] = [0x3a, 0x3c, 0x3e].map((at) => object.readUInt16LE(at)) as [number, number, number];
  const section = (index: number): Buffer => {
    const at = table + index * entry;
    const offset = Number(object.readBigUInt64LE(at + 0x18));
    const none = object.readUInt32LE(at + 4) === 8;
    return object.subarray(offset, offset + (none ? 0 : Number(object.readBigUInt64LE(at + 0x20))));
  };
  const strings = section(names);
  const name = (index: number) => text(strings, object.readUInt32LE(table + index * entry));
  return new Map(Array.from({ length: count }, (_, index) => [name(index), section(index)]));
}

/** Symbol → its place in its section. */
export function symbols(all: Map<string, Buffer>): Map<string, number> {
  const [table, strings] = [all.get('.symtab'), all.get('.strtab')];
  if (!table || !strings) throw new Error('the object has no symbols');
  return new Map(
    Array.from({ length: table.length / 24 }, (_, i) => [
      text(strings, table.readUInt32LE(24 * i)),
      Number(table.readBigUInt64LE(24 * i + 8)),
    ]),
  );
}

const text = (strings: Buffer, at: number): string => strings.toString('latin1', at, strings.indexOf(0, at));

/** Bytes that follow the 12 of a type, by kind and count of members. */
function trailing(kind: number, count: number): number {
  if (kind === 1 || kind === 14 || kind === 17) return 4;
  if (kind === 3) return 12;
  if (kind === STRUCT || kind === 5 || kind === DATASEC || kind === 19) return 12 * count;
  if (kind === 6 || kind === 13) return 8 * count;
  return 0;
}

/** All types in order; members of structs with byte offsets. */
export function btfTypes(btf: Buffer): BtfType[] {
  const header = btf.readUInt32LE(4);
  const [typesAt, typesSize, stringsAt] = [8, 12, 16].map((at) => btf.readUInt32LE(at)) as [number, number, number];
  const strings = btf.subarray(header + stringsAt);
  const end = header + typesAt + typesSize;
  const found: (BtfType & { at: number; count: number })[] = [];
  for (let at = header + typesAt; at < end; ) {
    const info = btf.readUInt32LE(at + 4);
    const [kind, count] = [(info >>> 24) & 0x1f, info & 0xffff];
    const name = text(strings, btf.readUInt32LE(at));
    found.push({ kind, name, size: btf.readUInt32LE(at + 8), members: [], at: at + 12, count });
    at += 12 + trailing(kind, count);
  }
  return found.map(({ kind, name, size, at, count }) => {
    const members = Array.from({ length: kind === STRUCT ? count : 0 }, (_, i): Member => {
      const bits = btf.readUInt32LE(at + 12 * i + 8) & 0xffffff;
      return { name: text(strings, btf.readUInt32LE(at + 12 * i)), offset: bits / 8 };
    });
    return { kind, name, size, members };
  });
}
