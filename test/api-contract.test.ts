/** The document is true: whatever it allows is answered as it says, and whatever it does not allow is refused as it says. */
import * as fc from 'fast-check';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Schema } from '../cli/openapi/json-schemas.ts';
import type { AuthWindow } from '../contract/auth-window.ts';
import { apiClient } from '../contract/client.ts';
import { encodeColumns } from '../contract/columns/encode.ts';
import { COLUMNS_MEDIA_TYPE } from '../contract/columns/format.ts';
import { batch } from '../contract/detect-request.ts';
import type { NetworkWindow } from '../contract/network-window.ts';
import {
  type ApiOperation,
  apiOperations,
  bodyFits,
  expectDocumented,
  isAskedInOrder,
  parameterFits,
  resolve,
} from './api-document.ts';
import { scanWindow, type TestEdge, testEdge } from './edge-fixture.ts';
import { normalWindows } from './fitted-models.ts';
import { freePort, type Prometheus, startPrometheus } from './prometheus-fixture.ts';
import { type Source, valuesOf } from './schema-arbitrary.ts';

/** Of each property; fewer where the machine is slow. */
const SETTINGS = { numRuns: 25, interruptAfterTimeLimit: 1500 } as const;
/** A training takes seconds, and a stream has few listeners. */
const NO_LIMITS = {
  RATE_LIMIT_PER_TOKEN: '100000',
  RATE_LIMIT_PER_ADDRESS: '100000',
  RATE_LIMIT_FAILED_LOGINS: '100000',
};
const SLOW = { numRuns: 2 } as const;
const NOTHING_SENT: ApiRequest = { path: {}, query: {}, header: {}, body: null };
/** Where a rule stands in words alone: what a selector, a network or the id of an event is, that an end is later than its beginning. */
const RULES_IN_WORDS = [
  'detectByPrometheus',
  'detectByPrometheusQuery',
  'addMaintenance',
  'addAllowedSource',
  'removeAllowedSource',
  'addComment',
  'streamIncidents',
];
const operations = apiOperations.filter((operation) => !isAskedInOrder(operation));
const KEY = 'k'.repeat(48);

interface ApiRequest {
  readonly path: Record<string, string>;
  readonly query: Record<string, string>;
  readonly header: Record<string, string>;
  /** null: none. */
  readonly body: { readonly type: string; readonly text: string | Uint8Array<ArrayBuffer> } | null;
}

let edge: TestEdge;
let prometheus: Prometheus;
/** Filled before the first value is made. */
const known: Record<string, unknown[]> = { group: ['default'] };
/** By the first part of the path. */
const ids: Record<string, string[]> = {};
const source: Source = { resolve, fits: bodyFits, known };

const bearer = async (scope: string): Promise<Record<string, string>> => {
  const token = new SignJWT({ scope }).setProtectedHeader({ alg: 'HS256' }).setExpirationTime('1 hour');
  return { authorization: `Bearer ${await token.sign(new TextEncoder().encode(KEY))}` };
};
let admin: Record<string, string>;

beforeAll(async () => {
  const port = await freePort();
  const target = `127.0.0.1:${port}`;
  admin = await bearer('admin');
  edge = await testEdge({
    TOKEN_KEY: KEY,
    PROMETHEUS_URL: `http://${target}`,
    PROM_METRIC_UNIQUE_IPS: 'up',
    ...NO_LIMITS,
  });
  prometheus = await startPrometheus(port, [{ job: 'prometheus', at: target }]);
  await vi.waitUntil(async () => (await prometheus.query('up')).length === 1, { timeout: 15_000, interval: 200 });
  const windows = normalWindows(300, 4).map((window) => ({ ...window, group: 'default' }));
  for (let from = 0; from < windows.length; from += 100) await edge.detect(windows.slice(from, from + 100), admin);
  const hosts = ['web-1', 'web-2', 'web-3', 'web-4'];
  await edge.detect(
    hosts.map((host) => scanWindow('192.0.2.7', { host })),
    admin,
  );
  const trained = await edge.post('/train', '', admin);
  expect(trained.status).toBe(200);
  const { version } = (await trained.json()) as { version: string };
  const call = apiClient({ url: edge.url, token: admin.authorization?.split(' ')[1] });
  const { incidents } = await call('GET /incidents', {});
  const { campaigns } = await call('GET /campaigns', {});
  // A week after its end a maintenance window is forgotten.
  const [from = '', until = ''] = [1, 2].map((days) => new Date(Date.now() + days * 86_400_000).toISOString());
  known.from = [from];
  known.until = [until];
  known.source = ['198.51.100.0/24'];
  const maintenance = await call('POST /maintenance', { body: { hosts: 'db-*', from, until, reason: 'new disks' } });
  await call('POST /allowed_sources', { body: { source: '198.51.100.0/24', reason: 'our own scanner' } });
  known.instance = [target];
  known.version = [version];
  const idsOf = (list: readonly { readonly id: string }[]): string[] => list.map(({ id }) => id);
  ids.campaigns = idsOf(campaigns);
  ids.incidents = idsOf(incidents);
  ids.maintenance = idsOf([maintenance]);
});
afterAll(async () => {
  await edge?.remove();
  await prometheus?.stop();
});

/** What the document allows. */
function allowed(operation: ApiOperation): fc.Arbitrary<ApiRequest> {
  const place = (where: string): fc.Arbitrary<Record<string, string>> => {
    const parameters = (operation.parameters ?? []).filter((parameter) => parameter.in === where);
    const properties = Object.fromEntries(parameters.map(({ name, schema }) => [name, schema]));
    const required = parameters.filter((parameter) => parameter.required).map(({ name }) => name);
    if (where === 'header') return headers(Object.keys(properties));
    return valuesOf({ type: 'object', properties, required }, source).map((values) =>
      Object.fromEntries(Object.entries(values as object).map(([name, value]) => [name, String(value)])),
    );
  };
  return fc.record({ path: place('path'), query: place('query'), header: place('header'), body: body(operation) });
}

function headers(names: readonly string[]): fc.Arbitrary<Record<string, string>> {
  const value = fc.stringMatching(/^[!-~]{1,40}$/);
  return fc.dictionary(fc.constantFrom(...names, ''), value).map(({ '': _, ...sent }) => sent);
}

function body({ requestBody }: ApiOperation): fc.Arbitrary<ApiRequest['body']> {
  if (requestBody === undefined) return fc.constant(null);
  const bodies = Object.entries(requestBody.content).map(([type, { schema }]) => bodyOf(type, schema));
  return fc.oneof(...bodies, ...(requestBody.required ? [] : [fc.constant(null)]));
}

function bodyOf(type: string, schema: Schema): fc.Arbitrary<ApiRequest['body']> {
  switch (type) {
    case 'application/x-ndjson':
      return windows().map((list) => ({ type, text: list.map((one) => JSON.stringify(one)).join('\n') }));
    case COLUMNS_MEDIA_TYPE:
      return windows().map((list) => ({ type, text: encodeColumns(list, []) }));
    default:
      return valuesOf(schema, source).map((value) => ({ type, text: JSON.stringify(value) }));
  }
}

function windows(): fc.Arbitrary<(NetworkWindow | AuthWindow)[]> {
  const window = fc.oneof(valuesOf(resolve('NetworkWindow'), source), valuesOf(resolve('AuthWindow'), source));
  return fc.array(window, { minLength: 1, maxLength: 5 }).map((list) => batch.parse({ windows: list }).windows);
}

/** What it does not allow: one parameter or one part of the body is of another kind. */
function forbidden(operation: ApiOperation): fc.Arbitrary<ApiRequest> {
  const schema = operation.requestBody?.content['application/json']?.schema;
  const queries = (operation.parameters ?? []).filter((parameter) => parameter.in === 'query');
  const wrong: fc.Arbitrary<ApiRequest>[] = queries.map(({ name, schema }) =>
    fc
      .tuple(
        allowed(operation),
        fc.oneof(fc.constantFrom('', '-1', '1e999', 'NaN', '../..', 'x'.repeat(300)), fc.string()),
      )
      .filter(([, value]) => !parameterFits(schema, value))
      .map(([request, value]) => ({ ...request, query: { ...request.query, [name]: value } })),
  );
  if (schema !== undefined)
    wrong.push(
      fc
        .tuple(allowed(operation), valuesOf(schema, source).chain(spoilt).map(asSent))
        .filter(([, text]) => !bodyFits(schema, JSON.parse(text)))
        .map(([request, text]) => ({ ...request, body: { type: 'application/json', text } })),
    );
  return fc.oneof(...wrong);
}

function needsNothing({ parameters = [], requestBody }: ApiOperation): boolean {
  return requestBody?.required !== true && parameters.every((parameter) => parameter.required !== true);
}

function canBeWrong({ parameters = [], requestBody }: ApiOperation): boolean {
  return requestBody !== undefined || parameters.some((parameter) => parameter.in === 'query');
}

const asSent = (value: unknown): string => JSON.stringify(value);
const JUNK: unknown[] = [
  null,
  -1,
  1e300,
  'x',
  '',
  true,
  [],
  {},
  [[]],
  { toString: 1 },
  '\u0000',
  '2026-13-40T00:00:00Z',
];

/** The value with one part of it replaced or taken out. */
function spoilt(value: unknown): fc.Arbitrary<unknown> {
  const junk = fc.constantFrom(...JUNK);
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0) return junk;
  const inside = fc.constantFrom(...Object.entries(value)).chain(([key, part]) =>
    fc.oneof(spoilt(part), fc.constant(undefined)).map((other) => {
      if (Array.isArray(value)) return value.map((item, i) => (String(i) === key ? (other ?? null) : item));
      return { ...value, [key]: other };
    }),
  );
  return fc.oneof({ weight: 1, arbitrary: junk }, { weight: 6, arbitrary: inside });
}

async function send(
  { method, path: template }: ApiOperation,
  { path, query, header, body }: ApiRequest,
  authorization: Record<string, string>,
): Promise<Response> {
  const filled = template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(path[name] ?? ''));
  const prefix = (query.group?.length ?? 0) % 2 === 0 ? '/v1' : '';
  return fetch(`${edge.url}${prefix}${filled}?${new URLSearchParams(query)}`, {
    method,
    headers: { ...header, ...authorization, ...(body !== null && { 'content-type': body.type }) },
    ...(body !== null && { body: body.text }),
  });
}

describe.each(operations)('$method $path', (operation) => {
  beforeAll(() => {
    known.id = ids[operation.path.split('/')[1] ?? ''] ?? [];
  });

  it('answers what is allowed, as documented', async () => {
    const statuses = new Set<number>();
    await fc.assert(
      fc.asyncProperty(allowed(operation), async (request) => {
        const answer = await send(operation, request, admin);
        const seen = await expectDocumented(operation, answer);
        statuses.add(answer.status);
        if (!RULES_IN_WORDS.includes(operation.operationId)) expect([400, 413, 415], seen).not.toContain(answer.status);
      }),
      {
        ...(['train', 'streamIncidents'].includes(operation.operationId) ? SLOW : SETTINGS),
        examples: needsNothing(operation) ? [[NOTHING_SENT]] : [],
      },
    );
    expect([...statuses].filter((status) => status >= 200 && status < 300)).toHaveLength(1);
  });

  it('asks for the scope that is documented', async () => {
    const needed = operation.security[0]?.token?.[0];
    const [request] = fc.sample(allowed(operation), 1);
    if (request === undefined) throw new Error('no request');
    const without = await send(operation, request, {});
    expect(without.status === 401).toBe(needed !== undefined);
    await expectDocumented(operation, without);
    const other = await send(operation, request, await bearer(needed === 'ingest' ? 'read' : 'ingest'));
    expect(other.status === 403).toBe(needed !== undefined);
    await expectDocumented(operation, other);
  });
});

it.each(
  operations.filter(canBeWrong),
)('$method $path refuses what is not allowed, as documented', async (operation) => {
  await fc.assert(
    fc.asyncProperty(forbidden(operation), async (request) => {
      const answer = await send(operation, request, admin);
      const seen = await expectDocumented(operation, answer);
      expect([400, 404, 413], seen).toContain(answer.status);
    }),
    ['train', 'streamIncidents'].includes(operation.operationId) ? SLOW : SETTINGS,
  );
});
