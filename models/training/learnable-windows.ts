/** Leaves out of windows that nobody has judged yet what shows an attack, so that training does not learn it as normal. */
import { SEQUENCE_LENGTH } from '../../contract/features.ts';
import type { NetworkWindow } from '../../contract/network-window.ts';
import { isLearnable } from '../../contract/stored-window.ts';
import type { Thresholds } from '../../contract/thresholds.ts';
import { applyRules } from '../rules/apply-rules.ts';

/** An attack begins and ends weaker than a rule asks for: so many periods before and after it are left out too. */
const QUARANTINE_PERIODS = SEQUENCE_LENGTH;

/**
 * The windows on which the rules stay silent, or find only volume, which every busy host has; none within ten periods of a
 * window with any other finding, of the same host and interface. In order of time within each interface.
 */
export function learnableWindows(windows: readonly NetworkWindow[], thresholds: Thresholds): NetworkWindow[] {
  return outsideQuarantine(windows, (window) => {
    const threat_types = applyRules(window, { thresholds, learned: null }).fired.map(({ threat_type }) => threat_type);
    return !isLearnable({ alerted: threat_types.length > 0, judged_by: null, threat_types });
  });
}

/** The windows that are no attack, and not within ten periods of one of the same host and interface; each interface in order of time. */
export function outsideQuarantine(
  windows: readonly NetworkWindow[],
  isAttack: (window: NetworkWindow) => boolean,
): NetworkWindow[] {
  const series = Map.groupBy(windows, (window) => `${window.host}\n${window.interface}`);
  return [...series.values()].flatMap((own) => {
    const inTime = own
      .map((window): Moment => ({ window, start_ms: Date.parse(window.start), attack: isAttack(window) }))
      .sort((one, other) => one.start_ms - other.start_ms);
    return afterQuarantine(afterQuarantine(inTime, 1).reverse(), -1)
      .reverse()
      .filter(({ attack }) => !attack)
      .map(({ window }) => window);
  });
}

interface Moment {
  readonly window: NetworkWindow;
  readonly start_ms: number;
  readonly attack: boolean;
}

/** @param direction 1 for moments in time order, -1 for the reverse */
function afterQuarantine(moments: readonly Moment[], direction: 1 | -1): Moment[] {
  let until_ms = Number.NEGATIVE_INFINITY;
  return moments.filter(({ window, start_ms, attack }) => {
    if (attack) until_ms = direction * start_ms + QUARANTINE_PERIODS * window.duration_s * 1000;
    return attack || direction * start_ms > until_ms;
  });
}
