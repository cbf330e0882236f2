/** The source `ebpf:PATTERN`: every interface whose name fits, opened as it comes and closed as it goes. */
import type { NetworkWindow } from '../../contract/network-window.ts';
import { interfaceIndex, interfaceNames } from '../kernel/interface.ts';
import { LinkTypeError } from '../kernel/observer.ts';
import { ownCapabilitiesMissing } from '../kernel/privileges.ts';
import { type Clock, systemClock } from './clock.ts';
import { type EbpfSpec, ebpfSource, interfaceLabel } from './ebpf.ts';
import { matcher } from './interface-pattern.ts';
import { Merge } from './merge.ts';
import { type Losses, SourceError, sumOfLosses, type Tell, type WindowSource } from './source.ts';
import { VethLabels } from './veth-labels.ts';

/** Interfaces watched at once by one pattern. */
export const MAX_INTERFACES = 64;
const LOOK_EVERY_MS = 1000;
/** Room for remote addresses in a window of one of them: a quarter of the usual, so that 64 take no more than 180 MB of the kernel. */
const ADDRESSES = 4096;

export interface EbpfPatternSpec extends Omit<EbpfSpec, 'interface' | 'label'> {
  /** Such as `veth*`; never means `lo`. */
  pattern: string;
  /** Interfaces watched at once; default: MAX_INTERFACES. */
  most?: number;
}

interface Watched {
  readonly name: string;
  /** A number is never given twice: another interface of the same name has another. */
  readonly index: number;
  readonly source: WindowSource;
}

/**
 * Ends when it is stopped; an interface that goes ends nothing. A failure ends it where no interface has worked yet, or where a capability is missing.
 * What is beyond `most` or fails by itself is counted as `interface_not_watched` and told, once an interface; a link that eBPF cannot read is told once.
 */
export function ebpfPatternSource(
  { pattern, most = MAX_INTERFACES, ...spec }: EbpfPatternSpec,
  tell: Tell,
  clock: Clock = systemClock,
): WindowSource {
  const name = `ebpf:${pattern}`;
  const matches = matcher(pattern);
  const labels = new VethLabels();
  const watched = new Map<string, Watched>();
  /** By their number, until they go: what is not tried again, and what has to wait for room. */
  const leftAlone = new Set<number>();
  const beyond = new Set<number>();
  let past: Losses = {};
  let notWatched = 0;
  let hasWorked = false;

  function wait(one: { name: string; index: number }): void {
    if (beyond.has(one.index)) return;
    beyond.add(one.index);
    notWatched++;
    tell('interface_not_watched', { source: name, interface: one.name, message: `${most} are watched already` });
  }

  /** @returns whether the others can go on */
  function leaveAlone(one: Watched, error: SourceError): boolean {
    const isUnreadable = error.cause instanceof LinkTypeError;
    if (!isUnreadable && (!hasWorked || ownCapabilitiesMissing().length > 0)) return false;
    leftAlone.add(one.index);
    if (!isUnreadable) notWatched++;
    const facts = { source: name, interface: one.name, message: error.message };
    tell(isUnreadable ? 'interface_skipped' : 'interface_not_watched', facts);
    return true;
  }

  async function* windows(stop: AbortSignal): AsyncGenerator<NetworkWindow, void, void> {
    const merge = new Merge<NetworkWindow>();
    const failed = new AbortController();
    const ending = AbortSignal.any([stop, failed.signal]);
    const following = new Set<Promise<void>>();
    let failure: unknown;
    const fail = (error: unknown): void => {
      failure ??= error;
      failed.abort();
    };

    async function follow(one: Watched): Promise<void> {
      try {
        for await (const window of one.source.windows(ending)) {
          hasWorked = true;
          await merge.put(window);
        }
      } catch (error) {
        if (interfaceIndex(one.name) !== one.index)
          tell('interface_gone', { source: name, interface: labels.of(one.index) ?? one.name });
        else if (!(error instanceof SourceError && leaveAlone(one, error))) fail(error);
      } finally {
        watched.delete(one.name);
        past = sumOfLosses(past, one.source.losses());
      }
    }

    function look(): void {
      const present = interfaceNames()
        .filter(matches)
        .map((found) => ({ name: found, index: interfaceIndex(found) }))
        .filter(({ index }) => index !== 0);
      for (const left of [leftAlone, beyond])
        for (const index of left) if (!present.some((one) => one.index === index)) left.delete(index);
      for (const { name: found, index } of present) {
        if (watched.has(found) || leftAlone.has(index)) continue;
        if (watched.size >= most) {
          wait({ name: found, index });
          continue;
        }
        beyond.delete(index);
        const label = (): string => labels.of(index) ?? interfaceLabel(found);
        const one = {
          name: found,
          index,
          source: ebpfSource({ addresses: ADDRESSES, ...spec, interface: found, label }, clock),
        };
        watched.set(found, one);
        const run = follow(one).finally(() => following.delete(run));
        following.add(run);
      }
      labels.update([...watched.values()], clock.monotonic_ns());
    }

    async function keepLooking(): Promise<void> {
      while (!ending.aborted) {
        look();
        await clock.sleep(LOOK_EVERY_MS, ending);
      }
      await Promise.all(following);
    }

    const looking = keepLooking()
      .catch(fail)
      .finally(() => merge.end());
    try {
      yield* merge;
    } finally {
      failed.abort();
      await looking;
    }
    if (failure !== undefined) throw failure;
  }

  return {
    spec: name,
    windows,
    losses: () =>
      [...watched.values()]
        .map(({ source }) => source.losses())
        .reduce(sumOfLosses, { ...past, interface_not_watched: notWatched }),
    traffic: () => [...watched.values()].flatMap(({ source }) => source.traffic?.() ?? []),
  };
}
