/** Draws of each hour of stored windows the same number of lines, in runs of a host, by an order that only names decide. */

/** Lines of a host in a row: six sequences of the temporal model. */
const RUN_LINES = 60;

export class HourlySample {
  readonly #hours: Map<string, { readonly keys: string[]; left: number }>;

  /** @param most lines over all hours; an hour that has fewer leaves its share unused */
  constructor(keys: readonly string[], most: number) {
    const folders = Map.groupBy(keys, folderOf);
    const share = Math.ceil(most / Math.max(1, folders.size));
    this.#hours = new Map(
      inDrawnOrder([...folders.keys()], '').map((folder) => [
        folder,
        { keys: inDrawnOrder(folders.get(folder) ?? [], ''), left: share },
      ]),
    );
  }

  /** The objects to read, each decided on when it is asked for; at most `most`. */
  *keys(most: number): Generator<string, void, void> {
    for (const hour of this.#hours.values()) {
      for (const key of hour.keys) {
        if (hour.left <= 0) break;
        if (most-- <= 0) return;
        yield key;
      }
    }
  }

  /** Of an object's lines those that its hour has room for. */
  readonly choose = (lines: string[], key: string): readonly string[] => {
    const hour = this.#hours.get(folderOf(key));
    if (hour === undefined) return [];
    const chosen = lines.length <= hour.left ? lines : runsOfHosts(lines, hour.left, key);
    hour.left -= chosen.length;
    return chosen;
  };
}

/** Runs of hosts, drawn until there are `most` lines. Lines need not be parsed for that. */
function runsOfHosts(lines: readonly string[], most: number, seed: string): string[] {
  const hosts = Map.groupBy(lines, (line) => fieldOf(line, 'host'));
  const run = Math.max(RUN_LINES, Math.ceil(most / hosts.size));
  const chosen: string[] = [];
  for (const host of inDrawnOrder([...hosts.keys()], seed)) {
    if (chosen.length >= most) break;
    const own = (hosts.get(host) ?? [])
      .map((line) => [fieldOf(line, 'start'), line] as const)
      .sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
    const length = Math.min(run, own.length, most - chosen.length);
    const from = nameHash(seed + host) % (own.length - length + 1);
    chosen.push(...own.slice(from, from + length).map(([, line]) => line));
  }
  return chosen;
}

/** The first field of that name in a line of JSON; within a string its quotes would be escaped. */
function fieldOf(line: string, name: string): string {
  const mark = `"${name}":"`;
  const from = line.indexOf(mark) + mark.length;
  return from < mark.length ? '' : line.slice(from, line.indexOf('"', from));
}

function folderOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/') + 1);
}

function inDrawnOrder(names: readonly string[], seed: string): string[] {
  return names.toSorted((left, right) => nameHash(seed + left) - nameHash(seed + right));
}

/** FNV-1a, 32 bits: spreads names evenly, which is all that is asked of it. http://www.isthe.com/chongo/tech/comp/fnv */
function nameHash(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}
