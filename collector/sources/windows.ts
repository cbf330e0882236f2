/** The source `windows:FILE.ndjson`: windows that were made before, one JSON object a line. */
import { createInterface } from 'node:readline';
import { type NetworkWindow, networkWindow } from '../../contract/network-window.ts';
import { fieldErrors } from '../../contract/problem.ts';
import { openInput } from './input-file.ts';
import { SourceError, type WindowSource } from './source.ts';

/** A window is a few hundred bytes; a longer line is no window. */
const LONGEST_LINE = 64 * 1024;

/**
 * Yields the windows of a file in its order; an empty line is skipped.
 * @param file path, gzip or not, or - for stdin
 */
export function windowsSource(file: string): WindowSource {
  const spec = `windows:${file}`;

  async function* windows(stop: AbortSignal): AsyncGenerator<NetworkWindow, void, void> {
    const input = await openInput(spec, file);
    const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
    let number = 0;
    try {
      for await (const line of lines) {
        number++;
        if (stop.aborted) return;
        if (line.trim() === '') continue;
        yield parseLine(spec, line, number);
      }
    } catch (cause) {
      if (cause instanceof SourceError) throw cause;
      throw new SourceError(spec, `cannot be read past line ${number}: ${String(cause)}`, 'Is the file whole?', {
        cause,
      });
    } finally {
      lines.close();
      input.destroy();
    }
  }

  return { spec, windows, losses: () => ({}) };
}

function parseLine(spec: string, line: string, number: number): NetworkWindow {
  const remedy = 'Each line is one window as vigia windows prints it; the lines before this one were read';
  if (line.length > LONGEST_LINE)
    throw new SourceError(spec, `line ${number} is longer than ${LONGEST_LINE} characters`, remedy);
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (cause) {
    throw new SourceError(spec, `line ${number} is no JSON`, remedy, { cause });
  }
  const parsed = networkWindow.safeParse(json);
  if (parsed.success) return parsed.data;
  const [first] = fieldErrors(parsed.error, 1);
  throw new SourceError(spec, `line ${number}, ${first?.path || 'the line'}: ${first?.message}`, remedy);
}
