/** Tables for people: cells under each other, none of which may steer the terminal. */

/** The lines, headings first; every column as wide as its widest cell. */
export function tableLines(headings: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [headings, ...rows.map((row) => row.map(printable))];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** Text from elsewhere, such as of whoever tried to log in, without what a terminal obeys. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{fffd}');
}

/** Of a column headed (UTC). */
export function minute(instant: string): string {
  return new Date(instant).toISOString().slice(0, 16).replace('T', ' ');
}
