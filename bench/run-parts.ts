/** Runs the parts of a benchmark that were asked for, each under its name, with the machine first. */
import { machine } from './machine.ts';

/** Loaded when it runs: what one part needs is not asked of the others. */
export type Parts = Readonly<Record<string, () => Promise<{ benchmark: (minutes?: number) => Promise<unknown> }>>>;

/**
 * Ends the process with 2 where a name is unknown.
 * @param given names of parts, and for those that take a length of time minutes; without names all but `atRequest` run
 * @returns what each part found
 */
export async function runParts(
  parts: Parts,
  given: readonly string[],
  atRequest: string | null = null,
): Promise<Record<string, unknown>> {
  const minutes = given.map(Number).find((number) => number > 0);
  const wanted = given.filter((word) => !(Number(word) > 0));
  const unknown = wanted.filter((name) => !(name in parts));
  if (unknown.length > 0) {
    console.error(`unknown part ${unknown.join(', ')}; there are: ${Object.keys(parts).join(', ')}`);
    process.exit(2);
  }
  console.log(machine());
  const found: Record<string, unknown> = {};
  for (const [name, load] of Object.entries(parts)) {
    if (wanted.length > 0 ? !wanted.includes(name) : name === atRequest) continue;
    console.log(`\n## ${name}`);
    found[name] = await (await load()).benchmark(minutes);
  }
  return found;
}
