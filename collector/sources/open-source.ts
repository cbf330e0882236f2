/** Opens what `--source` names. */
import type { CollectorConfig } from '../config.ts';
import { ebpfSource } from './ebpf.ts';
import { type AuthLogSettings, followAuthLog, followJournal, readNameKey } from './open-auth-log.ts';
import { pcapSource } from './pcap.ts';
import { type CollectedWindow, SourceError, type WindowSource } from './source.ts';
import { windowsSource } from './windows.ts';

export interface OpenedSource {
  readonly source: WindowSource<CollectedWindow>;
  /** A live source cannot wait for the edge; one that reads a file can. */
  readonly live: boolean;
}

export type SourceSettings = Pick<CollectorConfig, 'host' | 'group' | 'period_ms' | 'local' | 'spoolDir'>;

const FORMS = 'A source is ebpf:IFACE, auth:FILE, journal, pcap:FILE or windows:FILE.ndjson (- is stdin)';

/** @throws SourceError where `spec` is no source of this release */
export function openSource(spec: string, settings: SourceSettings): OpenedSource {
  const [kind, ...rest] = spec.split(':');
  const target = rest.join(':');
  const { host, group, period_ms, local } = settings;
  const logins = (): AuthLogSettings => ({ host, group, nameKey: readNameKey(settings.spoolDir) });
  if (spec === 'journal') return { source: followJournal(logins()), live: true };
  if (target === '') throw new SourceError(spec, 'names no interface or file', FORMS);
  switch (kind) {
    case 'ebpf':
      return { source: ebpfSource({ interface: target, period_ms, host, group }), live: true };
    case 'pcap':
      return { source: pcapSource({ file: target, period_ms, host, group, local }), live: false };
    case 'auth':
      return {
        source: followAuthLog(target, logins()),
        live: true,
      };
    case 'windows':
      return { source: windowsSource(target), live: false };
    default:
      throw new SourceError(spec, 'is no kind of source', FORMS);
  }
}
