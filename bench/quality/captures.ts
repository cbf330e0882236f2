/** The public captures: which floods and scans the rules name, and which benign traffic they alarm on, without any baseline. */
import { join } from 'node:path';
import { pcapSource } from '../../collector/sources/pcap.ts';
import { SourceError } from '../../collector/sources/source.ts';
import type { NetworkWindow } from '../../contract/network-window.ts';
import { DEFAULT_ALERT_BUDGET_PER_HOST_DAY, DEFAULT_THRESHOLDS, type Thresholds } from '../../contract/thresholds.ts';
import { judgeBatch } from '../../models/judge.ts';
import { readCsv } from './csv.ts';
import type { QualityRow, QualitySet } from './row.ts';

/** The thresholds of the table alone: nothing that looks at minutes. */
const FIXED: Thresholds = { ...DEFAULT_THRESHOLDS, SLOW_SCAN_UNIQUE_PORTS: Number.MAX_VALUE };

/** Threats that call an attack of a class by its name. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  scan: ['port_scan'],
  flood: ['syn_flood', 'ddos'],
};

async function windowsOf(file: string): Promise<NetworkWindow[]> {
  const source = pcapSource({ file, host: 'capture', group: 'default', period_ms: 1000, local: ['auto'] });
  const windows: NetworkWindow[] = [];
  try {
    for await (const window of source.windows(new AbortController().signal)) windows.push(window);
  } catch (error) {
    // A capture that is cut off says so after its last window.
    if (!(error instanceof SourceError)) throw error;
  }
  return windows;
}

async function threatsIn(windows: readonly NetworkWindow[], thresholds: Thresholds): Promise<Set<string>> {
  const alertBudget = DEFAULT_ALERT_BUDGET_PER_HOST_DAY;
  const verdicts = await judgeBatch({ fleet: null, thresholds, alertBudget, windows, context: [] });
  return new Set(verdicts.flatMap(({ threat_types }) => threat_types));
}

async function measure(dataFolder: string): Promise<QualityRow[]> {
  const folder = join(dataFolder, 'pcap');
  const [header = [], ...lines] = await readCsv(join(folder, 'index.csv'));
  const captures = lines.map((fields) => ({
    file: fields[0] as string,
    kind: fields[1] as string,
    line: fields.join(),
  }));
  if (header[0] !== 'file') throw new Error(`${folder}/index.csv does not begin with the column file`);
  const rows: QualityRow[] = [];
  for (const [detector, kind, thresholds] of [
    ['fixed thresholds', 'baseline', FIXED],
    ['Vigía without a baseline', 'vigia', DEFAULT_THRESHOLDS],
  ] as const) {
    const counts: Record<string, number> = {
      floods: 0,
      floods_named: 0,
      scans: 0,
      scans_named: 0,
      benign: 0,
      benign_alarmed: 0,
    };
    const missed: string[] = [];
    for (const { file, kind: of, line } of captures) {
      if (of !== 'benign' && !NAMES[of]) continue;
      if (of !== 'benign' && /,no: /.test(line)) continue;
      const threats = await threatsIn(await windowsOf(join(folder, file)), thresholds);
      const key = of === 'benign' ? 'benign' : `${of}s`;
      counts[key]! += 1;
      const hit = of === 'benign' ? threats.size > 0 : (NAMES[of]?.some((name) => threats.has(name)) ?? false);
      if (hit) counts[of === 'benign' ? 'benign_alarmed' : `${key}_named`]! += 1;
      if (hit === (of === 'benign'))
        missed.push(`${file.split('__')[1]}${threats.size > 0 ? ` (${[...threats]})` : ''}`);
    }
    rows.push({
      set: 'captures',
      detector,
      kind,
      figures: counts,
      ...(kind === 'vigia' && {
        reach: {
          floods_named: { least: counts.floods ?? 0 },
          scans_named: { least: counts.scans ?? 0 },
          benign_alarmed: { most: 0 },
        },
      }),
      ...(missed.length > 0 && { note: missed.join(', ') }),
    });
  }
  return rows;
}

/** How many of each class. */
export const captures: QualitySet = { name: 'captures', folder: 'pcap', measure };
