/** What `--source` may name, read before anything is opened. */
import type * as z from 'zod';
import { label } from '../../contract/quantity.ts';
import { isPattern, overlap } from './interface-pattern.ts';
import { SourceError } from './source.ts';

const KINDS = ['ebpf', 'auth', 'pcap', 'windows'] as const;

/** `interface`: what a piped capture is called. */
export type SourceSpec = { kind: (typeof KINDS)[number]; target: string; interface?: string } | { kind: 'journal' };

const FORMS =
  'A source is ebpf:IFACE, ebpf:PATTERN such as ebpf:veth*, auth:FILE, journal, pcap:FILE, pcap:-:IFACE (stdin, under that name) or windows:FILE.ndjson (- is stdin)';
/** IFNAMSIZ without its last byte (linux/if.h). */
const LONGEST_NAME = 15;
/** A capture that is piped, under a name. */
const NAMED_STDIN = '-:';
const NAMES =
  'A name is up to 128 letters, digits and . _ : @ -, and begins with a letter or digit, such as pcap:-:eth0';

/** @throws SourceError where `spec` is no source of this release */
export function parseSpec(spec: string): SourceSpec {
  if (spec === 'journal') return { kind: 'journal' };
  const [prefix, ...rest] = spec.split(':');
  const target = rest.join(':');
  if (target === '') throw new SourceError(spec, 'names no interface or file', FORMS);
  const kind = KINDS.find((name) => name === prefix);
  if (!kind) throw new SourceError(spec, 'is no kind of source', FORMS);
  if (kind === 'ebpf' && isPattern(target) && target.length > LONGEST_NAME)
    throw new SourceError(spec, 'is longer than any interface name', `Use at most ${LONGEST_NAME} characters`);
  if (kind !== 'pcap' || !target.startsWith(NAMED_STDIN)) return { kind, target };
  const name = label.safeParse(target.slice(NAMED_STDIN.length));
  if (!name.success) throw new SourceError(spec, 'gives stdin a name that no interface may have', NAMES);
  return { kind, target: '-', interface: name.data };
}

/** Tells each spec that is none, and two that would watch the same interface or file: its windows would count twice. */
export function checkSources(specs: readonly string[], context: z.core.$RefinementCtx<readonly string[]>): void {
  const tell = (index: number, message: string): void =>
    context.addIssue({ code: 'custom', path: [index], message, input: specs });
  for (const [index, spec] of specs.entries()) {
    try {
      parseSpec(spec);
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      tell(index, error.message);
      continue;
    }
    const twin = specs.slice(0, index).find((other) => other === spec || bothWatch(other, spec));
    if (twin !== undefined) tell(index, `${spec} watches what ${twin} watches; name one of them`);
  }
}

const READS_STDIN = /^(?:pcap|windows):-(?::|$)/;

function bothWatch(one: string, other: string): boolean {
  if (READS_STDIN.test(one) && READS_STDIN.test(other)) return true;
  const prefix = 'ebpf:';
  if (!one.startsWith(prefix) || !other.startsWith(prefix)) return false;
  return overlap(one.slice(prefix.length), other.slice(prefix.length));
}
