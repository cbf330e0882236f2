/** The rows of a set as a table for people. */
import { misses, type QualityRow } from './row.ts';

/** One line a row: detector, kind, figures, and whether they reach what they must. */
export function formatRows(rows: readonly QualityRow[]): string {
  const names = [...new Set(rows.flatMap(({ figures }) => Object.keys(figures)))];
  const lines = [
    ['detector', '', ...names, ''],
    ...rows.map((row) => [
      row.detector,
      row.kind,
      ...names.map((name) => (name in row.figures ? (row.figures[name] as number).toFixed(3) : '')),
      [verdict(row), row.note].filter(Boolean).join('; '),
    ]),
  ];
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length))) ?? [];
  return lines
    .map((line) =>
      line
        .map((cell, column) =>
          column < 2
            ? cell.padEnd(widths[column] ?? 0)
            : column < line.length - 1
              ? cell.padStart(widths[column] ?? 0)
              : cell,
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function verdict(row: QualityRow): string {
  if (!row.reach) return '';
  const missed = misses(row);
  return missed.length === 0 ? 'reached' : `missed: ${missed.join(', ')}`;
}
