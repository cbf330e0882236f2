/** Opens what `--source` names. */
import type { Blocking } from '../block/blocking.ts';
import type { CollectorConfig } from '../config.ts';
import { ebpfSource } from './ebpf.ts';
import { ebpfPatternSource } from './ebpf-pattern.ts';
import { isPattern } from './interface-pattern.ts';
import { type AuthLogSettings, followAuthLog, followJournal, readNameKey } from './open-auth-log.ts';
import { pcapSource } from './pcap.ts';
import type { CollectedWindow, Tell, WindowSource } from './source.ts';
import { parseSpec } from './spec.ts';
import { windowsSource } from './windows.ts';

export interface OpenedSource {
  readonly source: WindowSource<CollectedWindow>;
  /** A live source cannot wait for the edge, nor can a capture that is piped as it is made; one that reads a file can. */
  readonly live: boolean;
}

export type SourceSettings = Pick<CollectorConfig, 'host' | 'group' | 'period_ms' | 'local' | 'spoolDir' | 'accounts'>;

/** What an interface that is watched brings beside its windows. */
export interface Attached {
  /** What an operator should know and that ends nothing. */
  readonly tell?: Tell;
  readonly blocking?: Blocking;
}

/**
 * @throws SourceError where `spec` is no source of this release
 */
export function openSource(spec: string, settings: SourceSettings, attached: Attached = {}): OpenedSource {
  const { host, group, period_ms, local, accounts } = settings;
  const { tell = () => {}, blocking } = attached;
  const logins = (): AuthLogSettings => ({ host, group, accounts, tell, nameKey: readNameKey(settings.spoolDir) });
  const parsed = parseSpec(spec);
  switch (parsed.kind) {
    case 'journal':
      return { source: followJournal(logins()), live: true };
    case 'ebpf': {
      const { target } = parsed;
      const source = isPattern(target)
        ? ebpfPatternSource({ pattern: target, period_ms, host, group, blocking }, tell)
        : ebpfSource({ interface: target, period_ms, host, group, blocking });
      return { source, live: true };
    }
    case 'auth':
      return { source: followAuthLog(parsed.target, logins()), live: true };
    case 'pcap':
      return {
        source: pcapSource({ file: parsed.target, interface: parsed.interface, period_ms, host, group, local }),
        live: parsed.target === '-',
      };
    case 'windows':
      return { source: windowsSource(parsed.target), live: false };
  }
}
