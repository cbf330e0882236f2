/** Three series of the Numenta Anomaly Benchmark: labelled windows found, and alarms outside of them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { budgetProbability } from '../../models/calibration/alert-budget.ts';
import { medianOfSorted } from '../../models/quantile.ts';
import { deviation } from '../../models/zmad/deviation.ts';
import { ANOMALY, FEWEST_SAMPLES } from '../../models/zmad/zmad.ts';
import { readCsv } from './csv.ts';
import type { QualityRow, QualitySet } from './row.ts';
import { scalesOf, scoreTable } from './table-models.ts';

const SET = 'nab';
const SERIES = [
  ['request latency', 'ec2_request_latency_system_failure.csv', 'realKnownCause'],
  ['network in', 'ec2_network_in_257a54.csv', 'realAWSCloudwatch'],
  ['key hold', 'rogue_agent_key_hold.csv', 'realKnownCause'],
] as const;
/** The benchmark's own probation: the part of a series from which a detector may learn and is not judged. */
const PROBATION = 0.15;
const PERIOD_S = 300;
/** False alerts a day: half a one in the two weeks of a series. */
const BUDGET = 0.03;
/** Alarms closer than this are one. */
const ONE_ALARM_MS = 6 * 3_600_000;
const ROLLING = 288;
const HOUR = 12;

interface Series {
  readonly times_ms: readonly number[];
  readonly values: readonly number[];
  readonly labels: readonly (readonly [from_ms: number, to_ms: number])[];
}

async function readSeries(folder: string, file: string, key: string): Promise<Series> {
  const [, ...lines] = await readCsv(join(folder, file));
  const windows = JSON.parse(await readFile(join(folder, 'combined_windows.json'), 'utf8')) as Record<
    string,
    [string, string][]
  >;
  const instant = (text: string): number => Date.parse(`${text.slice(0, 19).replace(' ', 'T')}Z`);
  return {
    times_ms: lines.map(([time]) => instant(time as string)),
    values: lines.map(([, value]) => Number(value)),
    labels: (windows[key] ?? []).map(([from, to]) => [instant(from), instant(to)] as const),
  };
}

/** A value, its change, and how the last hour was: what a window of one number can say. */
function rowsOf(values: readonly number[]): Float32Array {
  return Float32Array.from(
    values.flatMap((value, i) => {
      const hour = values.slice(Math.max(0, i - HOUR + 1), i + 1);
      const mean = hour.reduce((sum, one) => sum + one, 0) / hour.length;
      return [value, Math.abs(value - (values[i - 1] ?? value)), mean];
    }),
  );
}

/** By the modified z-score among the values before it. */
function isAnomaly(value: number, before: readonly number[]): boolean {
  if (before.length < FEWEST_SAMPLES) return false;
  const sorted = Float64Array.from(before).sort();
  const median = medianOfSorted(sorted);
  return Math.abs(value - median) / deviation(sorted, median, 1e-3) > ANOMALY;
}

async function strangeness(values: readonly number[], learned: number): Promise<Float64Array> {
  const width = 3;
  const rows = rowsOf(values);
  const normal = rows.subarray(0, learned * width);
  const scales = scalesOf(normal, width, Array<boolean>(width).fill(values.every((value) => value > 1)));
  return (await scoreTable({ together: { rows: normal, scales } }, { together: rows }, 1)).consensus;
}

function figures({ times_ms, labels }: Series, alarms: readonly boolean[], learned: number): Record<string, number> {
  const groups: [number, number][] = [];
  for (let i = learned; i < alarms.length; i++) {
    if (!alarms[i]) continue;
    const at = times_ms[i] as number;
    const last = groups.at(-1);
    if (last && at - last[1] <= ONE_ALARM_MS) last[1] = at;
    else groups.push([at, at]);
  }
  const meets = ([from, to]: readonly [number, number], group: readonly [number, number]): boolean =>
    group[0] <= to && group[1] >= from;
  const found = labels.filter((label) => groups.some((group) => meets(label, group))).length;
  const falseAlarms = groups.filter((group) => !labels.some((label) => meets(label, group))).length;
  return {
    labelled: labels.length,
    found,
    false_alarms: falseAlarms,
    precision: groups.length === 0 ? 0 : (groups.length - falseAlarms) / groups.length,
    recall: found / labels.length,
  };
}

async function measure(dataFolder: string): Promise<QualityRow[]> {
  const rows: QualityRow[] = [];
  for (const [name, file, folder] of SERIES) {
    const series = await readSeries(join(dataFolder, 'nab'), file, `${folder}/${file}`);
    const learned = Math.floor(PROBATION * series.values.length);
    const rolling = series.values.map((value, i) => isAnomaly(value, series.values.slice(Math.max(0, i - ROLLING), i)));
    rows.push({
      set: SET,
      detector: `${name}, ZMAD on a rolling day`,
      kind: 'baseline',
      figures: figures(series, rolling, learned),
    });
    const threshold = -Math.log(budgetProbability(BUDGET, PERIOD_S));
    const strange = Array.from(await strangeness(series.values, learned), (value) => value > threshold);
    rows.push({
      set: SET,
      detector: `${name}, consensus`,
      kind: 'vigia',
      figures: figures(series, strange, learned),
      ...(name === 'request latency' && {
        reach: { found: { least: series.labels.length }, false_alarms: { most: 2 } },
      }),
    });
  }
  return rows;
}

/** Learned from each series' first 15 %; alarms within six hours are one. */
export const nab: QualitySet = { name: SET, folder: 'nab', measure };
