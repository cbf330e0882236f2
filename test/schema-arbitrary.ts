/** Values that a JSON Schema allows, made by fast-check: of the part of JSON Schema that the API's document uses. */
import * as fc from 'fast-check';
import type { Schema } from '../cli/openapi/json-schemas.ts';

const LONGEST_LIST = 4;
const LONGEST_TEXT = 40;
const DAY_MS = 86_400_000;

export interface Source {
  /** The schema that a `$ref` names. */
  resolve(reference: string): Schema;
  fits(schema: Schema, value: unknown): boolean;
  /** Values of properties that lead somewhere, such as the id of an incident that is there. */
  readonly known: Readonly<Record<string, readonly unknown[]>>;
}

/** @throws Error where the schema says something that is not known here, so that nothing is left out unseen */
export function valuesOf(schema: Schema, source: Source): fc.Arbitrary<unknown> {
  if (schema.$ref !== undefined) return valuesOf(source.resolve(schema.$ref), source);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return fc.oneof(...choices.map((choice) => valuesOf(asSchema(choice), source)));
  return fc.oneof(...[schema.type].flat().map((type) => ofType(type, schema, source)));
}

function ofType(type: string | undefined, schema: Schema, source: Source): fc.Arbitrary<unknown> {
  switch (type) {
    case 'null':
      return fc.constant(null);
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return fc.integer({ min: schema.minimum, max: schema.maximum });
    case 'number':
      return number(schema);
    case 'string':
      return text(schema);
    case 'array':
      return fc.array(valuesOf(asSchema(schema.items), source), {
        minLength: schema.minItems,
        maxLength: Math.min(schema.maxItems ?? LONGEST_LIST, LONGEST_LIST),
      });
    case 'object':
      return schema.properties === undefined ? map(schema, source) : object(schema, source);
    default:
      throw new Error(`no values for ${JSON.stringify(schema)}`);
  }
}

function number({ minimum, exclusiveMinimum, maximum = Number.MAX_VALUE }: Schema): fc.Arbitrary<number> {
  const minExcluded = typeof exclusiveMinimum === 'number';
  const min = minExcluded ? exclusiveMinimum : (minimum ?? -Number.MAX_VALUE);
  const usual = Math.min(maximum, 5000);
  return fc.oneof(
    fc.double({ min, max: maximum, minExcluded, noNaN: true }),
    fc.double({ min, max: usual, minExcluded, noNaN: true }),
  );
}

function text({ format, pattern, minLength, maxLength = LONGEST_TEXT }: Schema): fc.Arbitrary<string> {
  if (format === 'date-time') {
    const now = Date.now();
    return fc
      .date({ min: new Date(now - 30 * DAY_MS), max: new Date(now), noInvalidDate: true })
      .map((date) => date.toISOString());
  }
  if (pattern === undefined)
    return fc.string({ unit: 'binary', minLength, maxLength: Math.min(maxLength, LONGEST_TEXT) });
  const allowed = new RegExp(pattern, 'u');
  const fits = (made: string): boolean =>
    allowed.test(made) && made.length >= (minLength ?? 0) && made.length <= maxLength;
  // fast-check makes no values of look-arounds and of Unicode's classes.
  if (/\(\?[!=]|\\p/.test(pattern)) return fc.string({ unit: 'grapheme-ascii', minLength, maxLength: 12 }).filter(fits);
  return fc.stringMatching(allowed, { size: 'small' }).filter(fits);
}

function object({ properties = {}, required = [] }: Schema, source: Source): fc.Arbitrary<object> {
  const fields = Object.entries(properties).map(([name, schema]) => {
    const any = valuesOf(asSchema(schema), source);
    const known = (source.known[name] ?? []).filter((value) => source.fits(asSchema(schema), value));
    const chosen = known.length === 0 ? any : fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...known) }, any);
    return [name, chosen] as const;
  });
  return fc.record<Record<string, unknown>, string>(Object.fromEntries(fields), {
    requiredKeys: required,
    noNullPrototype: true,
  });
}

function map({ propertyNames, additionalProperties }: Schema, source: Source): fc.Arbitrary<object> {
  const names = valuesOf(asSchema(propertyNames), source).map(String);
  return fc.dictionary(names, valuesOf(asSchema(additionalProperties), source), {
    maxKeys: LONGEST_LIST,
    noNullPrototype: true,
  });
}

/** JSON Schema allows true and false in place of a schema; zod writes neither of them into these places. */
function asSchema(schema: Schema['items'] | boolean): Schema {
  if (typeof schema === 'object' && !Array.isArray(schema)) return schema;
  throw new Error(`no schema: ${JSON.stringify(schema)}`);
}
