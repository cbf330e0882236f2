/** Judges windows by rules and models: the whole way from measurements to verdicts, without I/O. */
import type { AuthWindow } from '../contract/auth-window.ts';
import type { FlatObject } from '../contract/detect-request.ts';
import { SEQUENCE_LENGTH } from '../contract/features.ts';
import type { NetworkWindow } from '../contract/network-window.ts';
import type { Result } from '../contract/result.ts';
import type { Thresholds } from '../contract/thresholds.ts';
import { FEATURE_COUNT, networkFeatures, rowOf, rowsOf } from './features.ts';
import type { Pause } from './pauses.ts';
import type { ReferenceVoters } from './reference/voters.ts';
import { applyRules } from './rules/apply-rules.ts';
import { learnedNormal } from './rules/learned-normal.ts';
import { rowsAtUsualVolume } from './rules/surge.ts';
import { verdict } from './verdict.ts';
import { type Fleet, isLearned, scoreAll, silent, votesOn } from './votes.ts';

export interface Judging {
  /** Null where the group has no model yet: the rules alone decide. */
  readonly fleet: Fleet | null;
  readonly thresholds: Thresholds;
  /** False alerts a host may raise per day. */
  readonly alertBudget: number;
  /** Whether a quiet window of a batch is explained too; a hundred of them cost more than judging them. */
  readonly explainQuiet?: boolean;
  /** Only where the owner asked for reference detectors; they vote on network windows that the models voted on. */
  readonly references?: ReferenceVoters;
  /** Where thousands of windows are judged at once; none by default. */
  readonly pause?: Pause | undefined;
}

/** Windows of a piece. */
const PIECE_WINDOWS = 250;

const NOT_NETWORK = 'the models judge network windows only';

const isNetworkWindow = (window: NetworkWindow | AuthWindow): window is NetworkWindow => 'interface' in window;

/**
 * The verdict on each window, in order. All windows of the batch go through each model in one call.
 * @param input.context earlier windows of the same hosts, only read as part of sequences
 */
export async function judgeBatch(
  input: Judging & {
    readonly windows: readonly (NetworkWindow | AuthWindow)[];
    readonly context: readonly NetworkWindow[];
  },
): Promise<Result[]> {
  const { windows, context, fleet } = input;
  const network = windows.filter(isNetworkWindow);
  const rows = rowsOf(network);
  const learned = fleet && learnedNormal(fleet.manifest);
  const seen = learned && network.length > 0 ? rowsAtUsualVolume(network, learned, input.thresholds) : null;
  const scored =
    fleet && learned && seen
      ? await scoreAll(fleet, seen, network, context, rowsAtUsualVolume(context, learned, input.thresholds))
      : null;
  const referenced = seen ? input.references?.(seen) : undefined;

  const before = windowsBefore([...context, ...network]);
  const results: Result[] = [];
  let row = 0;
  for (const window of windows) {
    const i = isNetworkWindow(window) ? row++ : -1;
    const features = i < 0 ? NO_FEATURES : rowOf(rows, i);
    const { votes, abstained } = i < 0 ? silent(NOT_NETWORK) : votesOn(fleet, scored, i, features);
    const judged = verdict({
      observed: window,
      identity: identityOf(window),
      features,
      rules: applyRules(window, { thresholds: input.thresholds, learned, before: () => before(window) }),
      votes,
      references: referenced?.[i],
      abstained,
      manifest: fleet?.manifest ?? null,
      alertBudget: input.alertBudget,
      explainQuiet: input.explainQuiet ?? false,
    });
    results.push(judged);
    if (input.pause && results.length % PIECE_WINDOWS === 0) await input.pause();
  }
  return results;
}

/** Windows of its interface that began in the ten periods before, the latest first; sorted when somebody asks. */
function windowsBefore(windows: readonly NetworkWindow[]): (window: NetworkWindow | AuthWindow) => NetworkWindow[] {
  const keyOf = ({ host, interface: name }: NetworkWindow): string => `${host}\n${name}`;
  let series: Map<string, { window: NetworkWindow; start_ms: number }[]> | null = null;
  return (window) => {
    if (!isNetworkWindow(window)) return [];
    series ??= Map.groupBy(
      windows
        .map((one) => ({ window: one, start_ms: Date.parse(one.start) }))
        .sort((one, other) => other.start_ms - one.start_ms),
      (one) => keyOf(one.window),
    );
    const start_ms = Date.parse(window.start);
    const since_ms = start_ms - SEQUENCE_LENGTH * window.duration_s * 1000;
    return (series.get(keyOf(window)) ?? [])
      .filter((one) => one.start_ms < start_ms && one.start_ms >= since_ms)
      .map((one) => one.window);
  };
}

/** The verdict on one flat object: a single window without identity, so that the temporal model abstains. */
export async function judgeFlat(flat: FlatObject, judging: Judging): Promise<Result> {
  const { fleet } = judging;
  const features = networkFeatures(flat);
  const scored = fleet && isLearned(features, fleet.manifest) ? await scoreAll(fleet, features, [], []) : null;
  const { votes, abstained } = votesOn(fleet, scored, 0, features);
  return verdict({
    observed: flat,
    identity: null,
    features,
    rules: applyRules(flat, { thresholds: judging.thresholds, learned: fleet && learnedNormal(fleet.manifest) }),
    votes,
    abstained,
    manifest: fleet?.manifest ?? null,
    alertBudget: judging.alertBudget,
    explainQuiet: true,
  });
}

const NO_FEATURES = new Float32Array(FEATURE_COUNT).fill(Number.NaN);

function identityOf(window: NetworkWindow | AuthWindow): Result['window'] {
  const { id, host, group, start, duration_s } = window;
  return { id, host, group, ...(isNetworkWindow(window) && { interface: window.interface }), start, duration_s };
}
