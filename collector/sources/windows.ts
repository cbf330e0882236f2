/** The source `windows:FILE.ndjson`: windows that were made before, one JSON object a line. */
import { authWindow } from '../../contract/auth-window.ts';
import { networkWindow } from '../../contract/network-window.ts';
import { fieldErrors } from '../../contract/problem.ts';
import { openInput } from './input-file.ts';
import { type CollectedWindow, type LossReason, SourceError, type WindowSource } from './source.ts';

/** A window is a few hundred bytes; a longer line is no window. */
const LONGEST_LINE_BYTES = 64 * 1024;
const NEWLINE = 0x0a;
const REMEDY = 'Each line is one window as vigia windows or vigia auth prints it; the lines before this one were read';

/**
 * Yields the windows of a file in its order; an empty line is skipped.
 * @param file path, gzip or not, or - for stdin
 */
export function windowsSource(file: string): WindowSource<CollectedWindow> {
  const spec = `windows:${file}`;
  const losses: Partial<Record<LossReason, number>> = {};

  async function* windows(stop: AbortSignal): AsyncGenerator<CollectedWindow, void, void> {
    const input = await openInput(spec, file, stop);
    let number = 0;
    try {
      for await (const line of lines(input.chunks, () => tooLong(spec, number + 1))) {
        number++;
        if (stop.aborted) return;
        const text = line.toString('utf8').trim();
        if (text !== '') yield parseLine(spec, text, number);
      }
    } catch (error) {
      if (error instanceof SourceError) losses.invalid_window = 1;
      throw error;
    } finally {
      await input.chunks.return();
    }
  }

  return { spec, windows, losses: () => ({ ...losses }) };
}

async function* lines(chunks: AsyncIterable<Uint8Array>, tooLong: () => Error): AsyncGenerator<Buffer, void, void> {
  let rest = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const data = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    let from = 0;
    for (let to = data.indexOf(NEWLINE); to >= 0; to = data.indexOf(NEWLINE, from)) {
      if (to - from > LONGEST_LINE_BYTES) throw tooLong();
      yield data.subarray(from, to);
      from = to + 1;
    }
    rest = data.subarray(from);
    if (rest.length > LONGEST_LINE_BYTES) throw tooLong();
  }
  if (rest.length > 0) yield rest;
}

const tooLong = (spec: string, number: number): SourceError =>
  new SourceError(spec, `line ${number} is longer than ${LONGEST_LINE_BYTES} bytes`, REMEDY);

function parseLine(spec: string, line: string, number: number): CollectedWindow {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (cause) {
    throw new SourceError(spec, `line ${number} is no JSON`, REMEDY, { cause });
  }
  const isNetwork = typeof json !== 'object' || json === null || 'interface' in json || !('total_attempts' in json);
  const parsed = (isNetwork ? networkWindow : authWindow).safeParse(json);
  if (parsed.success) return parsed.data;
  const [first] = fieldErrors(parsed.error, 1);
  throw new SourceError(spec, `line ${number}, ${first?.path || 'the line'}: ${first?.message}`, REMEDY);
}
