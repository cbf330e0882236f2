/** The API's document as a test reads it: its operations, and a validator of what stands at a place in it. */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Document, OperationObject, ResponseObject } from '../cli/openapi/document.ts';
import { DOCUMENT_FILE } from '../cli/openapi/generate.ts';
import type { Schema } from '../cli/openapi/json-schemas.ts';
import { instant } from '../contract/quantity.ts';

export interface ApiOperation extends OperationObject {
  readonly method: string;
  readonly path: string;
}

export const document: Document = JSON.parse(readFileSync(DOCUMENT_FILE, 'utf8'));

export const apiOperations: ApiOperation[] = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ ...operation, method: method.toUpperCase(), path })),
);

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
export function complaint(schema: Schema, value: unknown): string | null {
  return fits(answers, closed(schema), value) ? null : answers.errorsText(answers.errors);
}

export function responseOf({ responses }: OperationObject, status: number): ResponseObject | undefined {
  const response = responses[String(status)];
  if (response === undefined || !('$ref' in response)) return response;
  return document.components.responses[response.$ref.split('/').at(-1) ?? ''];
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
