/** The way from one window to its verdict in lines of text: as read, features, rules, models, consensus, verdict. */
import type { AuthWindow } from '../contract/auth-window.ts';
import type { FlatObject } from '../contract/detect-request.ts';
import { NETWORK_FEATURES } from '../contract/features.ts';
import type { Manifest } from '../contract/manifest.ts';
import type { NetworkWindow } from '../contract/network-window.ts';
import type { Result } from '../contract/result.ts';
import { RULE_THREATS } from '../contract/threats.ts';
import { budgetProbability } from '../models/calibration/alert-budget.ts';
import { agreedStrangeness, MODEL_WEIGHTS } from '../models/consensus.ts';
import { networkFeatures } from '../models/features.ts';
import { type Judging, judgeBatch, judgeFlat } from '../models/judge.ts';
import { readable } from '../models/rules/rule.ts';
import { scaleRows, scalerOf } from '../models/scaling/scaler.ts';

/** What is to be explained, and how it was read. */
export type Explained =
  | { readonly kind: 'network window'; readonly observed: NetworkWindow; readonly context: readonly NetworkWindow[] }
  | { readonly kind: 'auth window'; readonly observed: AuthWindow }
  | { readonly kind: 'flat object'; readonly observed: FlatObject };

export async function explainWindow(read: Explained, judging: Judging): Promise<string[]> {
  const manifest = judging.fleet?.manifest ?? null;
  const result = await verdictOn(read, judging);
  return [
    ...asRead(read),
    ...(read.kind === 'auth window' ? attempts(read.observed) : features(read.observed, manifest)),
    ...rules(result),
    ...models(result, manifest),
    ...consensus(result, manifest, judging.alertBudget, read.observed),
    ...verdict(result),
  ];
}

async function verdictOn(read: Explained, judging: Judging): Promise<Result> {
  if (read.kind === 'flat object') return judgeFlat(read.observed, judging);
  const context = read.kind === 'network window' ? read.context : [];
  const [result] = await judgeBatch({ ...judging, explainQuiet: true, windows: [read.observed], context });
  if (!result) throw new RangeError('one window gives one verdict');
  return result;
}

function asRead(read: Explained): string[] {
  const { observed } = read;
  if (read.kind === 'flat object')
    return [`read as a flat object of ${Object.keys(observed).length} fields: without identity, judged by itself`];
  const { id, host, start, duration_s } = read.observed;
  const before = read.kind === 'network window' ? `, with ${read.context.length} windows before it` : '';
  return [
    `read as ${read.kind === 'auth window' ? 'an' : 'a'} ${read.kind}: ${id} of ${host}, ${start}, ${duration_s} s${before}`,
  ];
}

function attempts({
  id: _,
  host: __,
  group: ___,
  start: ____,
  duration_s: _____,
  sources,
  ...counts
}: AuthWindow): string[] {
  const from = (sources ?? []).map(({ ip, packets }): string[] => [`failed from ${ip}`, String(packets)]);
  const rows = Object.entries(counts).map(([name, value]): string[] => [
    name,
    value === null ? 'not measured' : String(value),
  ]);
  return ['', 'counts', ...columns([...rows, ...from])];
}

function features(observed: FlatObject, manifest: Manifest | null): string[] {
  const raw = networkFeatures(observed);
  const scaled = manifest ? scaleRows(raw, scalerOf(manifest.baseline)) : null;
  const rows = NETWORK_FEATURES.map((name, i): string[] => {
    const value = raw[i] as number;
    if (Number.isNaN(value)) return [name, 'not measured'];
    const baseline = manifest?.baseline[i];
    if (!baseline || !scaled) return [name, readable(value)];
    if (!baseline.active) return [name, readable(value), 'not learned'];
    const how = `${baseline.log1p ? 'log1p, ' : ''}centre ${readable(baseline.log1p ? Math.expm1(baseline.center) : baseline.center)}, scale ${baseline.scale.toFixed(3)}`;
    const normal = `normal here ${readable(baseline.low)} to ${readable(baseline.high)}`;
    return [name, readable(value), (scaled.scaled[i] as number).toFixed(2), `${how}; ${normal}`];
  });
  return ['', 'features: raw, scaled', ...columns(rows)];
}

function rules({ explanation, scores }: Result): string[] {
  const fired = new Map(explanation.rules.map((rule) => [rule.threat_type, rule]));
  const rows = RULE_THREATS.map((threat): string[] => {
    const rule = fired.get(threat);
    if (!rule) return [threat, 'silent'];
    const numbers = Object.entries(rule.observed).map(
      ([name, value]) => `${name} ${typeof value === 'number' ? readable(value) : value}`,
    );
    return [threat, `fires, confidence ${rule.confidence}`, `${numbers.join(', ')}: ${rule.condition}`];
  });
  const notes = explanation.notes.map(({ kind, text }) => `  note ${kind}: ${text}`);
  return ['', `rules: score ${scores.rules}`, ...columns(rows), ...notes];
}

function models({ explanation, model_scores, model_version }: Result, manifest: Manifest | null): string[] {
  const lines = ['', `models${model_version === null ? '' : ` of version ${model_version}`}`];
  for (const { model, raw_score, p_value, features, nearest_cluster, by_window } of explanation.models) {
    const calibration = manifest?.models[model]?.calibration;
    const tail = calibration?.tail;
    const where =
      tail && raw_score > tail.threshold
        ? `beyond ${readable(tail.threshold)}: Pareto tail of shape ${tail.shape.toFixed(3)}, scale ${readable(tail.scale)}, over the highest ${(100 * tail.share).toFixed(1)} % of ${calibration.windows} held-out windows`
        : `rank among ${calibration?.windows} held-out windows`;
    const nearest = nearest_cluster === undefined ? '' : `, nearest cluster ${nearest_cluster}`;
    lines.push(
      `  ${model}: raw ${readable(raw_score)}${nearest}; p ${p_value.toExponential(2)} (${where}); score ${model_scores[model]?.toFixed(3)}`,
    );
    for (const { feature, observed, normal, share, windows_earlier } of features)
      lines.push(
        `    ${Math.round(100 * share)} % ${feature} ${readable(observed)}; normal here ${readable(normal[0])} to ${readable(normal[1])}${windows_earlier ? `; least as expected ${windows_earlier} windows earlier` : ''}`,
      );
    if (by_window)
      lines.push(
        `    unexpected by window, the judged one last: ${by_window.map((part) => `${Math.round(100 * part)} %`).join(' ')}`,
      );
  }
  for (const [model, reason] of Object.entries(explanation.abstained)) lines.push(`  ${model}: silent; ${reason}`);
  return lines;
}

function consensus(
  result: Result,
  manifest: Manifest | null,
  alertBudget: number,
  observed: FlatObject & { duration_s?: number },
): string[] {
  const { models } = result.explanation;
  if (models.length === 0) return [];
  const duration_s = observed.duration_s ?? 1;
  const pStar = budgetProbability(alertBudget, duration_s);
  const weights = models.map(({ model }) => `${model} ${MODEL_WEIGHTS[model]}`).join(', ');
  const strangeness = agreedStrangeness(models.map(({ model, p_value }) => ({ model, p: p_value })));
  const calibrated = manifest?.consensus && manifest.consensus.models.length === models.length;
  return [
    '',
    `consensus: score ${result.scores.consensus.toFixed(3)}`,
    `  Cauchy combination of the p-values, weighted ${weights}; no more than the second strangest bears out: ${strangeness.toFixed(2)}`,
    calibrated
      ? `  its p-value is taken among ${manifest.consensus?.calibration.windows} held-out windows`
      : '  not every model voted: its p-value is that of the combination, and two models must find it unusual',
    `  0.5 is p* ${pStar.toExponential(2)}: ${alertBudget} false alerts a day of windows of ${readable(duration_s)} s`,
  ];
}

function verdict({ threat_detected, threat_types, level, confidence, attacking_ips }: Result): string[] {
  const what = threat_detected ? `${threat_types.join(', ')}; level ${level}` : 'no threat';
  const who = attacking_ips.length === 0 ? '' : `; from ${attacking_ips.join(', ')}`;
  return ['', `verdict: ${what}; confidence ${confidence.toFixed(2)}${who}`];
}

/** Cells under each other, two spaces in. */
function columns(rows: readonly string[][]): string[] {
  const widths = [0, 1, 2].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd());
}
