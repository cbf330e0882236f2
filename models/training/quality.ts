/** What a candidate is worth: how often it cries wolf on held-out normal windows, and which injected attacks it finds. */
import type { Manifest } from '../../contract/manifest.ts';
import type { NetworkWindow } from '../../contract/network-window.ts';
import type { Thresholds } from '../../contract/thresholds.ts';
import { budgetProbability } from '../calibration/alert-budget.ts';
import { judgeBatch, judgeFlat } from '../judge.ts';
import type { Pause } from '../pauses.ts';
import type { Fleet } from '../votes.ts';
import { injectedAttacks } from './injected-attacks.ts';

const EACH_ATTACK = 20;
/** Held-out windows that are judged at most, the latest. */
const MOST_JUDGED = 5000;
const ATTACK_SEED = 1;
const DAY_S = 86_400;

/** Rules and models together, as detect will judge. */
export async function measureQuality(
  fleet: Fleet,
  heldOut: readonly NetworkWindow[],
  {
    thresholds,
    alertBudget,
    pause,
  }: { readonly thresholds: Thresholds; readonly alertBudget: number; readonly pause?: Pause | undefined },
): Promise<Manifest['quality']> {
  const judging = { fleet, thresholds, alertBudget, pause };
  const judged = heldOut.slice(-MOST_JUDGED);
  const results = await judgeBatch({ ...judging, windows: judged, context: [] });
  const falseAlerts = results.filter(({ threat_detected }) => threat_detected).length;
  const attacks = injectedAttacks(EACH_ATTACK, ATTACK_SEED);
  let found = 0;
  for (const [i, { observed }] of attacks.entries()) {
    if (i % EACH_ATTACK === 0) await pause?.();
    if ((await judgeFlat(observed, judging)).threat_detected) found++;
  }
  return {
    false_alert_rate: results.length === 0 ? 0 : falseAlerts / results.length,
    false_alerts: falseAlerts,
    allowed_false_alerts: judged.reduce((sum, { duration_s }) => sum + budgetProbability(alertBudget, duration_s), 0),
    judged_host_days: judged.reduce((sum, { duration_s }) => sum + duration_s / DAY_S, 0),
    budget_per_host_day: alertBudget,
    injected_found: found / attacks.length,
  };
}
