/** Reads and validates the body of `POST /detect`: a flat object, a batch, one window a line, or windows by columns. */
import * as z from 'zod';
import { type AuthWindow, authWindow } from '../../contract/auth-window.ts';
import { openColumns, readColumns } from '../../contract/columns/decode.ts';
import { COLUMNS_MEDIA_TYPE, ColumnsError } from '../../contract/columns/format.ts';
import { type FlatObject, flatObject, MAX_BODY_BYTES, MAX_WINDOWS } from '../../contract/detect-request.ts';
import { type NetworkWindow, networkWindow } from '../../contract/network-window.ts';
import { type FieldError, fieldErrors } from '../../contract/problem.ts';
import { readBytes, readText } from '../http/body.ts';
import { mediaType, parseJson } from '../http/json.ts';
import { HttpProblem } from '../http/problem.ts';
import { isAuthWindow, isFlatObject, isNetworkWindow } from './generated/validators.js';
import {
  AUTH_FIELDS,
  type FieldSet,
  FLAT_FIELDS,
  keepKnownFields,
  NETWORK_FIELDS,
  SOURCE_FIELDS,
} from './known-fields.ts';

export type Window = NetworkWindow | AuthWindow;

interface BatchRequest {
  readonly kind: 'batch';
  readonly windows: Window[];
  readonly context: NetworkWindow[];
  readonly unknownFields: number;
  /** Whether the answer holds only the results that found something. */
  readonly isBulk: boolean;
}

export type DetectRequest =
  | { readonly kind: 'flat'; readonly flat: FlatObject; readonly unknownFields: number }
  | BatchRequest;

const MAX_REPORTED_ERRORS = 20;

/** @throws HttpProblem 400, 413 or 415; in a batch one bad window fails the whole */
export async function readDetectRequest(request: Request): Promise<DetectRequest> {
  const type = mediaType(request);
  if (type === 'application/x-ndjson') return readLines(await readText(request, MAX_BODY_BYTES));
  if (type === 'application/json') return readObject(parseJson(await readText(request, MAX_BODY_BYTES)));
  if (type === COLUMNS_MEDIA_TYPE) return readBulk(await readBytes(request, MAX_BODY_BYTES));
  throw new HttpProblem(
    415,
    `Content-Type ${JSON.stringify(type.slice(0, 64))} is not supported; send application/json, application/x-ndjson with one window a line, or ${COLUMNS_MEDIA_TYPE}.`,
  );
}

function readBulk(bytes: Uint8Array): DetectRequest {
  try {
    const body = openColumns(bytes);
    if (body.windows > MAX_WINDOWS) throw tooMany('windows', body.windows);
    if (body.context > MAX_WINDOWS) throw tooMany('context', body.context);
    const read = readColumns(body);
    if (read.isSound) return { kind: 'batch', isBulk: true, ...read };
    return { ...readBatch(read.windows, read.context, read.unknownFields), isBulk: true };
  } catch (error) {
    if (!(error instanceof ColumnsError)) throw error;
    throw invalid([{ path: error.path, message: error.message }]);
  }
}

function readLines(text: string): DetectRequest {
  const lines = text.split('\n');
  const windows: unknown[] = [];
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    if (windows.length === MAX_WINDOWS) throw tooMany('lines', lines.length);
    windows.push(parseJson(line, `windows[${windows.length}] (line ${index + 1})`));
  }
  if (windows.length === 0) throw invalid([{ path: 'windows', message: 'must hold at least one window' }]);
  return readBatch(windows, []);
}

function readObject(body: unknown): DetectRequest {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw invalid([
      { path: '', message: 'must be an object: the fields of one window, or {"windows": […], "context": […]}' },
    ]);
  if (!('windows' in body)) return readFlat(body);
  const { windows, context = [] } = body as { windows: unknown; context?: unknown };
  const errors: FieldError[] = [];
  if (!Array.isArray(windows) || windows.length === 0)
    errors.push({ path: 'windows', message: 'must be a list of at least one window' });
  if (!Array.isArray(context)) errors.push({ path: 'context', message: 'must be a list of windows' });
  if (!Array.isArray(windows) || !Array.isArray(context) || errors.length > 0) throw invalid(errors);
  if (windows.length > MAX_WINDOWS) throw tooMany('windows', windows.length);
  if (context.length > MAX_WINDOWS) throw tooMany('context', context.length);
  return readBatch(windows, context, Object.keys(body).filter((key) => key !== 'windows' && key !== 'context').length);
}

function readFlat(body: object): DetectRequest {
  if (!isFlatObject(body)) throw invalid(fieldErrors(flatObject.safeParse(body).error ?? new z.ZodError([])));
  const unknownFields = tidy(body, FLAT_FIELDS, '');
  if (Object.keys(body).length === 0) {
    throw invalid([{ path: '', message: 'holds no field of a window, such as packets_per_second or total_attempts' }]);
  }
  return { kind: 'flat', flat: body, unknownFields };
}

function readBatch(windows: unknown[], context: unknown[], unknownFields = 0): BatchRequest {
  const errors: FieldError[] = [];
  let unknown = unknownFields;
  const check = (list: unknown[], name: string, allowAuth: boolean): void => {
    for (const [index, item] of list.entries()) {
      if (isNetworkWindow(item)) unknown += tidy(item, NETWORK_FIELDS, `${name}[${index}]`);
      else if (allowAuth && isAuthWindow(item)) unknown += tidy(item, AUTH_FIELDS, `${name}[${index}]`);
      else errors.push(...explainWindow(item, `${name}[${index}]`, allowAuth));
      if (errors.length >= MAX_REPORTED_ERRORS) return;
    }
  };
  check(windows, 'windows', true);
  check(context, 'context', false);
  if (errors.length > 0) throw invalid(errors.slice(0, MAX_REPORTED_ERRORS));
  return {
    kind: 'batch',
    windows: windows as Window[],
    context: context as NetworkWindow[],
    unknownFields: unknown,
    isBulk: false,
  };
}

/** Drops unknown fields, so that what is judged and stored is what was validated; answers how many. */
function tidy(window: { sources?: object[] }, known: FieldSet, path: string): number {
  let unknown = keepKnownFields(window, known, path);
  for (const source of window.sources ?? []) unknown += keepKnownFields(source, SOURCE_FIELDS, path);
  return unknown;
}

/** Errors of the kind of window that the item comes nearest to: an interface makes it a network window. */
function explainWindow(item: unknown, path: string, allowAuth: boolean): FieldError[] {
  const looksLikeAuth =
    allowAuth && typeof item === 'object' && item !== null && !('interface' in item) && 'total_attempts' in item;
  const errors = (looksLikeAuth ? authWindow : networkWindow).safeParse(item).error;
  return errors === undefined
    ? []
    : fieldErrors(errors).map((error) => ({ ...error, path: joinPath(path, error.path) }));
}

function joinPath(parent: string, child: string): string {
  return child === '' ? parent : `${parent}.${child}`;
}

function invalid(errors: FieldError[]): HttpProblem {
  return new HttpProblem(400, 'The request does not match the schema; nothing of it was kept.', { errors });
}

function tooMany(path: string, count: number): HttpProblem {
  return new HttpProblem(413, `A request holds at most ${MAX_WINDOWS} windows; post them in parts.`, {
    errors: [{ path, message: `holds ${count}` }],
  });
}
