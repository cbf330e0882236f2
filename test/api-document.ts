/** The API's document as a test reads it: its operations, and a validator of what stands at a place in it. */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'vitest';
import type { Document, OperationObject, ResponseObject } from '../cli/openapi/document.ts';
import { DOCUMENT_FILE } from '../cli/openapi/generate.ts';
import type { Schema } from '../cli/openapi/json-schemas.ts';
import { instant } from '../contract/quantity.ts';

const STREAM = 'text/event-stream';
const HAS_NO_MEANING = new Set([204, 304]);

export interface ApiOperation extends OperationObject {
  readonly method: string;
  readonly path: string;
}

export const document: Document = JSON.parse(readFileSync(DOCUMENT_FILE, 'utf8'));

export const apiOperations: ApiOperation[] = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ ...operation, method: method.toUpperCase(), path })),
);

/** Endpoints and their dead letters are used up by who asks at random: webhook-routes.test.ts asks in order. */
export function isAskedInOrder({ method, path }: ApiOperation): boolean {
  return path.startsWith('/webhooks/{') || (path === '/webhooks' && method === 'POST');
}

/** The operation that answers there, with `/v1` or without. */
export function operationOf(method: string, url: string): ApiOperation {
  const path = url.replace(/^\/v1(?=\/)/, '').replace(/\?.*$/, '');
  const candidates = apiOperations.filter(
    (one) => one.method === method && new RegExp(`^${one.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path),
  );
  // What stands there in letters comes before what a parameter takes.
  const operation = candidates.find((one) => one.path === path) ?? candidates[0];
  if (operation === undefined) throw new Error(`the document has no ${method} ${path}`);
  return operation;
}

const formats = { 'date-time': (text: string) => instant.safeParse(text).success };
const settings = { strict: false, logger: false, formats } as const;
const requests = new Ajv2020({ ...settings, coerceTypes: false });
const parameters = new Ajv2020({ ...settings, coerceTypes: true });
/** Knows no field but those of the document: each that is answered must stand there. */
const answers = new Ajv2020(settings);
const components = { $id: 'api', components: document.components };
requests.addSchema(components);
parameters.addSchema(components);
answers.addSchema(closed(components));

export const bodyFits = (schema: Schema, value: unknown): boolean => fits(requests, schema, value);
/** As it stands in a URL. */
export const parameterFits = (schema: Schema, value: string): boolean => fits(parameters, { ...schema }, value);

/** Why an answer is not as the schema says; null where it is. */
function complaint(schema: Schema, value: unknown): string | null {
  return fits(answers, closed(schema), value) ? null : answers.errorsText(answers.errors);
}

function responseOf({ responses }: OperationObject, status: number): ResponseObject | undefined {
  const response = responses[String(status)];
  if (response === undefined || !('$ref' in response)) return response;
  return document.components.responses[response.$ref.split('/').at(-1) ?? ''];
}

/** Fails where the document knows no such answer. @returns what was answered, to show */
export async function expectDocumented(operation: ApiOperation, answer: Response): Promise<string> {
  const type = answer.headers.get('content-type') ?? '';
  const text = type === STREAM ? '' : await answer.text();
  if (type === STREAM) await answer.body?.cancel();
  const seen = `${answer.status} ${text.slice(0, 600)}`;
  const documented = responseOf(operation, answer.status);
  expect(documented, seen).toBeDefined();
  expect(answer.status, seen).toBeLessThan(500);
  if (HAS_NO_MEANING.has(answer.status)) return seen;
  const content = documented?.content?.[type];
  expect(content, `${type}: ${seen}`).toBeDefined();
  const isJson = /\bjson$/.test(type);
  expect(content && complaint(content.schema, isJson ? JSON.parse(text) : text), seen).toBeNull();
  return seen;
}

export function resolve(reference: string): Schema {
  const schema = document.components.schemas[reference.split('/').at(-1) ?? ''];
  if (schema === undefined) throw new Error(`the document has no ${reference}`);
  return schema;
}

function fits(ajv: Ajv2020, schema: Schema, value: unknown): boolean {
  return ajv.validate(absolute(schema), value) === true;
}

const absolute = (schema: Schema): Schema =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"api#/components/'));

/** The same without room for further fields. */
function closed<T>(schema: T): T {
  const text = JSON.stringify(schema, (_, value) =>
    isObjectSchema(value) ? { additionalProperties: false, ...value } : value,
  );
  return JSON.parse(text);
}

function isObjectSchema(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && 'properties' in value && 'type' in value && value.type === 'object'
  );
}
