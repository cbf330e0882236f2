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
