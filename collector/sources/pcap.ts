/** The sources `pcap:FILE` and, from stdin under a name, `pcap:-:IFACE`: windows of a capture. */
import { createHash, randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import type { NetworkWindow } from '../../contract/network-window.ts';
import { CaptureParser } from '../capture/capture-parser.ts';
import { CaptureError } from '../capture/frame.ts';
import { LocalSideLearner } from '../window/learn-local-side.ts';
import { LocalSide, parsePrefix } from '../window/local-side.ts';
import { WindowBuilder } from '../window/window-builder.ts';
import { type InputFile, openInput } from './input-file.ts';
import { SourceError, type WindowSource } from './source.ts';

/** What the local side is learned from: the beginning of a file; less of stdin, which may be a live capture. */
const LEARN_BYTES = 1 << 20;
const LEARN_BYTES_STDIN = 1 << 14;

export interface PcapSpec {
  /** Path, gzip, zstd or neither, or - for stdin. */
  file: string;
  /** What its windows call the interface; default: named after the file. */
  interface?: string | undefined;
  host: string;
  group: string;
  period_ms: number;
  /** Addresses or networks of the captured side; `auto`: learned; none or `none`: every frame comes in. */
  local: readonly string[];
  /** Called for each silence that is too long to be filled with empty windows. */
  onSilence?: (from_ms: number, to_ms: number) => void;
  /** Called now and then with how far the file is read; `total` is null of stdin. */
  onProgress?: (bytesRead: number, total: number | null) => void;
}

/**
 * Yields one window a period of the capture's own time, empty ones too unless a silence is longer than a minute.
 * @throws InvalidPrefixError where `local` holds what is no network
 */
export function pcapSource(spec: PcapSpec): WindowSource {
  const name = ['pcap', spec.file, spec.interface].filter((part) => part !== undefined).join(':');
  const given = givenSide(spec.local);
  const label = spec.interface ?? interfaceLabel(spec.file);
  let builder: WindowBuilder | null = null;

  async function* windows(stop: AbortSignal): AsyncGenerator<NetworkWindow, void, void> {
    const input = await openInput(name, spec.file, stop);
    try {
      const head = given ? [] : await readHead(input, spec.file === '-' ? LEARN_BYTES_STDIN : LEARN_BYTES);
      const local = given ?? learn(head);
      const settings = { ...spec, interface: label, identify: identities(spec, label) };
      const building = new WindowBuilder(settings, local, spec.onSilence);
      builder = building;
      const parser = new CaptureParser((frame) => building.add(frame));
      let failure: unknown = null;
      try {
        for await (const chunk of afterHead(head, input)) {
          failure = attempt(() => parser.push(chunk));
          yield* building.take();
          if (failure || stop.aborted) break;
          spec.onProgress?.(input.bytesRead(), input.bytes);
        }
        if (!failure && !stop.aborted) failure = attempt(() => parser.end());
      } catch (error) {
        failure = error;
      }
      building.end();
      yield* building.take();
      if (failure) throw explained(name, failure);
    } finally {
      await input.chunks.return();
    }
  }

  return { spec: name, windows, losses: () => builder?.losses() ?? {} };
}

function givenSide(local: readonly string[]): LocalSide | null {
  if (local.includes('auto')) return null;
  return new LocalSide(local.filter((prefix) => prefix !== 'none').map(parsePrefix));
}

/** Reads until the beginning is long enough; an error there comes up again after it. */
async function readHead(input: InputFile, bytes: number): Promise<Uint8Array[]> {
  const head: Uint8Array[] = [];
  for (let read = 0; read < bytes; ) {
    const next = await input.chunks.next();
    if (next.done) break;
    head.push(next.value);
    read += next.value.length;
  }
  return head;
}

/** Damage in the beginning is told when it is read for good. */
function learn(head: readonly Uint8Array[]): LocalSide {
  const learner = new LocalSideLearner();
  const parser = new CaptureParser((frame) => learner.add(frame));
  for (const chunk of head) if (attempt(() => parser.push(chunk))) break;
  return learner.learned();
}

async function* afterHead(head: Uint8Array[], input: InputFile): AsyncGenerator<Uint8Array, void, void> {
  yield* head.splice(0);
  yield* input.chunks;
}

function attempt(step: () => void): unknown {
  try {
    step();
    return null;
  } catch (error) {
    return error;
  }
}

function explained(name: string, failure: unknown): unknown {
  if (!(failure instanceof CaptureError)) return failure;
  return new SourceError(name, failure.message, failure.remedy, { cause: failure });
}

/** The same file makes the same identities again, so that a second run of it is stored once; what stdin brings comes once. */
function identities({ host, group, file, period_ms }: PcapSpec, label: string): (start_ms: number) => string {
  const run = createHash('sha256')
    .update([host, group, file === '-' ? randomUUID() : basename(file), label, period_ms].join('\n'))
    .digest('hex');
  return (start_ms) => `pcap:${run.slice(0, 16)}:${start_ms.toString(36)}`;
}

/** A capture counts as one interface. */
function interfaceLabel(file: string): string {
  if (file === '-') return 'stdin';
  return (
    basename(file)
      .replace(/^[^A-Za-z0-9]+/, '')
      .replace(/[^A-Za-z0-9._:@-]/g, '_')
      .slice(0, 128) || 'capture'
  );
}
