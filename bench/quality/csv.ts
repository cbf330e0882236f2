/** Reads comma-separated files of the public sets, compressed or not. */
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';

/** The lines of a file without quotes, each as its fields. */
export async function readCsv(path: string): Promise<string[][]> {
  const bytes = await readFile(path);
  const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  return text
    .split(/\r?\n/)
    .filter((line) => line !== '')
    .map((line) => line.split(','));
}

/** The lines of a file whose fields may be quoted (RFC 4180), each as its fields. */
export async function readQuotedCsv(path: string): Promise<string[][]> {
  const rows: string[][] = [[]];
  const field = /(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n|$)/g;
  for (const [, quoted, plain = '', end] of (await readFile(path, 'utf8')).matchAll(field)) {
    rows.at(-1)?.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end !== ',') rows.push([]);
  }
  return rows.filter((row) => row.length > 1);
}
