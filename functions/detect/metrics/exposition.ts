/** Prometheus' text format 0.0.4. https://prometheus.io/docs/instrumenting/exposition_formats/ */
import type { Family } from './families.ts';

export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export type Labels = Readonly<Record<string, string | number>>;

/** A sample's name and labels as they stand in the text, such as `up{job="x"}`: what tells one series from another. */
export type Series = string;

export function seriesOf(name: string, labels: Labels = {}): Series {
  let pairs = '';
  for (const label in labels) pairs += `${pairs === '' ? '' : ','}${label}="${escapeValue(String(labels[label]))}"`;
  return pairs === '' ? name : `${name}{${pairs}}`;
}

/** The same series with one more label, which comes first. */
export function withLabel(series: Series, label: string, value: string): Series {
  const pair = `${label}="${escapeValue(value)}"`;
  const brace = series.indexOf('{');
  return brace < 0 ? `${series}{${pair}}` : `${series.slice(0, brace)}{${pair},${series.slice(brace + 1)}`;
}

/** The text of all samples that belong to one of the families, each family in one block. */
export function expose(families: Readonly<Record<string, Family>>, samples: Iterable<[Series, number]>): string {
  const blocks = new Map(Object.keys(families).map((name) => [name, [] as string[]]));
  for (const [series, value] of samples) {
    const [name = ''] = series.split('{', 1);
    const block = blocks.get(name) ?? blocks.get(name.replace(/_(bucket|sum|count)$/, ''));
    block?.push(`${series} ${formatValue(value)}\n`);
  }
  let text = '';
  for (const [name, { type, help }] of Object.entries(families)) {
    const lines = blocks.get(name) ?? [];
    if (lines.length > 0) text += `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n${lines.join('')}`;
  }
  return text;
}

function formatValue(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}

/** Asked with every count, and next to no value of ours has anything to escape. */
const SPECIAL = /[\\\n"]/;

function escapeValue(value: string): string {
  return !SPECIAL.test(value) ? value : escapeHelp(value).replaceAll('"', '\\"');
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}
