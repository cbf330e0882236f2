/** False alerts a day against the budget: four simulated hosts, each trained by itself on two weeks, over their next two. */
import { bootBackend } from '../../cli/tfjs-backend.ts';
import type { NetworkWindow } from '../../contract/network-window.ts';
import { DEFAULT_ALERT_BUDGET_PER_HOST_DAY, DEFAULT_THRESHOLDS } from '../../contract/thresholds.ts';
import { judgeBatch } from '../../models/judge.ts';
import { type TrainedFleet, trainFleet } from '../../models/training/train-fleet.ts';
import type { Fleet } from '../../models/votes.ts';
import type { QualityRow, QualitySet } from './row.ts';
import { simulatedHost, withRecent } from './simulated-host.ts';

export const PERIOD_S = 10;
export const DAYS = 14;
/** One host's 14 days have three false alerts at the smallest budget: too few to tell twice from half. */
const HOSTS = 4;
const BUDGETS = [0.2, 1, 5];
/** Windows judged at once. */
const CHUNK = 2000;
const CONTEXT = 9;

/** A fleet of one simulated host, trained on two weeks. */
export function trainSimulated(seed: number): Promise<TrainedFleet> {
  const windows = withRecent(simulatedHost({ seed, days: DAYS, firstDay: 0, period_s: PERIOD_S }));
  return trainFleet(windows, {
    group: 'default',
    seed,
    createdAt: new Date(windows.at(-1)?.start ?? 0),
    alertBudget: DEFAULT_ALERT_BUDGET_PER_HOST_DAY,
    thresholds: DEFAULT_THRESHOLDS,
    bootBackend,
  });
}

/** Windows that raise an alert. */
export async function alertsOf(
  fleet: Fleet | null,
  windows: readonly NetworkWindow[],
  alertBudget: number,
): Promise<NetworkWindow[]> {
  const alerts: NetworkWindow[] = [];
  for (let from = 0; from < windows.length; from += CHUNK) {
    const chunk = windows.slice(from, from + CHUNK);
    const context = windows.slice(Math.max(0, from - CONTEXT), from);
    const verdicts = await judgeBatch({ fleet, thresholds: DEFAULT_THRESHOLDS, alertBudget, windows: chunk, context });
    alerts.push(...chunk.filter((_, i) => verdicts[i]?.threat_detected));
  }
  return alerts;
}

async function measure(): Promise<QualityRow[]> {
  const hosts: { readonly fleet: TrainedFleet; readonly windows: NetworkWindow[] }[] = [];
  for (let host = 1; host <= HOSTS; host++) {
    const windows = simulatedHost({ seed: 100 + host, days: DAYS, firstDay: DAYS, period_s: PERIOD_S });
    hosts.push({ fleet: await trainSimulated(host), windows: withRecent(windows) });
  }
  const row = async (trained: boolean, budget: number): Promise<QualityRow> => {
    let alerts = 0;
    for (const { fleet, windows } of hosts) alerts += (await alertsOf(trained ? fleet : null, windows, budget)).length;
    return {
      set: 'alert budget',
      detector: trained ? `budget ${budget} a day` : 'fixed thresholds',
      kind: trained ? 'vigia' : 'baseline',
      figures: { alerts_per_day: alerts / (HOSTS * DAYS) },
      ...(trained && { reach: { alerts_per_day: { least: 0.5 * budget, most: 2 * budget } } }),
    };
  };
  const rows = [await row(false, 1)];
  for (const budget of BUDGETS) rows.push(await row(true, budget));
  return rows;
}

/** False alerts a day. */
export const alertBudget: QualitySet = { name: 'alert budget', folder: null, measure };
