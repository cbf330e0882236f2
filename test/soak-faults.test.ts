/** What ends a soak with 1: each thing that must not be, by itself. */
import { expect, it } from 'vitest';
import { faultsOf, type Ledger } from '../bench/collector/soak.ts';

const WELL: Ledger = {
  minutes: 60,
  packets: { interface: 100, windows: 100 },
  windows: { made: 10, posted: 10, stored: 10, stored_twice: 0 },
  losses: { parse_error: 0, source_not_tracked: 9, source_not_remembered: 9, conversation_evicted: 9 },
  incidents: 3,
  threats: ['brute_force_attack', 'data_exfiltration', 'port_scan', 'qos_degradation', 'syn_flood'],
  rss_MiB: { warm: 97, end: 113, highest: 120 },
  open_files: { warm: 60, end: 62 },
  cpu_percent: 3,
  exit_code: 0,
};

it('a soak in which all is well has no fault', () => expect(faultsOf(WELL)).toEqual([]));

it.each<[Partial<Ledger>, RegExp]>([
  [{ packets: { interface: 100, windows: 99 } }, /packets .* differ/],
  [{ windows: { ...WELL.windows, stored: 9 } }, /made and stored differ/],
  [{ windows: { ...WELL.windows, stored_twice: 1 } }, /stored twice/],
  [{ losses: { dropped_spool_full: 2 } }, /lost: 2 dropped_spool_full/],
  [{ threats: WELL.threats.slice(1) }, /no incident tells of brute_force_attack/],
  [{ rss_MiB: { ...WELL.rss_MiB, end: 114 } }, /memory grew by 17 MiB/],
  [{ open_files: { warm: 60, end: 63 } }, /3 files more are open/],
  [{ exit_code: 1 }, /the collector ended with 1/],
  [{ exit_code: null }, /the collector ended with null/],
])('%o is a fault', (change, fault) => {
  expect(faultsOf({ ...WELL, ...change })).toEqual([expect.stringMatching(fault)]);
});
