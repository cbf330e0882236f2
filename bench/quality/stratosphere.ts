/** Hosts of the Stratosphere laboratory: a day of a normal computer exposed to attackers, a scanner, an infection; minutes from flows. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { bootBackend } from '../../cli/tfjs-backend.ts';
import type { NetworkWindow } from '../../contract/network-window.ts';
import { DEFAULT_ALERT_BUDGET_PER_HOST_DAY, DEFAULT_THRESHOLDS } from '../../contract/thresholds.ts';
import { judgeBatch } from '../../models/judge.ts';
import { trainFleet } from '../../models/training/train-fleet.ts';
import type { Fleet } from '../../models/votes.ts';
import { auroc, tprAtFpr } from './ranking.ts';
import { rawScores, sumOfSquares } from './raw-scores.ts';
import type { QualityRow, QualitySet } from './row.ts';
import { type Flow, readFlows, windowsOfFlows } from './zeek-flows.ts';

const PERIOD_S = 60;
const SET = 'stratosphere';

async function flowsOf(folder: string, capture: string): Promise<Flow[]> {
  const bytes = await readFile(join(folder, `${capture}-conn.log.gz`));
  return readFlows(gunzipSync(bytes).toString('utf8'));
}

const alerts = async (fleet: Fleet | null, windows: readonly NetworkWindow[]): Promise<boolean[]> => {
  const alertBudget = DEFAULT_ALERT_BUDGET_PER_HOST_DAY;
  const verdicts = await judgeBatch({ fleet, thresholds: DEFAULT_THRESHOLDS, alertBudget, windows, context: [] });
  return verdicts.map(({ threat_detected }) => threat_detected);
};

const fitted = (windows: readonly NetworkWindow[]): Promise<Fleet> =>
  trainFleet(windows, {
    group: 'default',
    seed: 1,
    createdAt: new Date(windows.at(-1)?.start ?? 0),
    alertBudget: DEFAULT_ALERT_BUDGET_PER_HOST_DAY,
    thresholds: DEFAULT_THRESHOLDS,
    bootBackend,
  });

/** Fitted on the benign flows of the first half of the time; the second half is judged with all of its flows. */
async function attackedHost(folder: string, capture: string): Promise<{ rows: QualityRow[]; fleet: Fleet }> {
  const flows = await flowsOf(folder, capture);
  const starts = flows.map(({ start_s }) => start_s).sort((a, b) => a - b);
  const half = ((starts[0] as number) + (starts.at(-1) as number)) / 2;
  const fleet = await fitted(
    windowsOfFlows(
      flows.filter(({ start_s, malicious }) => start_s < half && !malicious),
      capture,
      PERIOD_S,
    ),
  );
  const later = flows.filter(({ start_s }) => start_s >= half);
  const windows = windowsOfFlows(later, capture, PERIOD_S);
  const attacked = new Set(
    later.filter(({ malicious }) => malicious).map(({ start_s }) => Math.floor(start_s / PERIOD_S)),
  );
  const anomalous = windows.map(({ start }) => attacked.has(Date.parse(start) / 1000 / PERIOD_S));
  const scores = { 'sum of squared z': sumOfSquares(fleet, windows), ...(await rawScores(fleet, windows, [])) };
  const ranked = Object.entries(scores).map(
    ([detector, values]): QualityRow => ({
      set: SET,
      detector: `${capture}, ${detector}`,
      kind: detector === 'sum of squared z' ? 'baseline' : 'vigia',
      figures: { auroc: auroc(values, anomalous), 'tpr@fpr1%': tprAtFpr(values, anomalous, 0.01) },
    }),
  );
  const decided = await Promise.all(
    (
      [
        ['static rules', null],
        ['rules and models', fleet],
      ] as const
    ).map(async ([name, judge]): Promise<QualityRow> => {
      const alerted = await alerts(judge, windows);
      const share = (of: boolean): number =>
        alerted.filter((alert, i) => alert && anomalous[i] === of).length / anomalous.filter((is) => is === of).length;
      return {
        set: SET,
        detector: `${capture}, ${name}`,
        kind: judge ? 'vigia' : 'baseline',
        figures: { tpr: share(true), fpr: share(false) },
      };
    }),
  );
  return { rows: [...ranked, ...decided], fleet };
}

async function measure(dataFolder: string): Promise<QualityRow[]> {
  const folder = join(dataFolder, 'flows', 'stratosphere');
  const rows: QualityRow[] = [];
  let lab: Fleet | null = null;
  for (const capture of ['008', '011']) {
    const host = await attackedHost(folder, capture);
    rows.push(...host.rows);
    lab = host.fleet;
  }
  for (const [capture, what] of [
    ['002', 'nmap scans'],
    ['001', 'infection'],
  ] as const) {
    const windows = windowsOfFlows(await flowsOf(folder, capture), capture, PERIOD_S);
    for (const [name, judge] of [
      ['static rules', null],
      ["rules and the laboratory's models", lab],
    ] as const) {
      const alerted = (await alerts(judge, windows)).filter(Boolean).length;
      rows.push({
        set: SET,
        detector: `${capture} ${what}, ${name}`,
        kind: judge ? 'vigia' : 'baseline',
        figures: { found: alerted > 0 ? 1 : 0, minutes_alerted: alerted, minutes: windows.length },
        ...(judge && { reach: { found: { least: 1 } } }),
      });
    }
  }
  return rows;
}

/** Minutes with attack flows against minutes without. */
export const stratosphere: QualitySet = { name: SET, folder: 'flows', measure };
