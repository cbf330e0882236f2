/** A JSON Schema as HTML to read: its type in a few words, its fields one below the other. */
import { html, raw } from 'hono/html';
import type { Schema } from './json-schemas.ts';

export type Html = ReturnType<typeof html>;

/** The parts of a list with something between them. */
export function joined(parts: readonly Html[], between: string): Html {
  return html`${parts.map((part, i) => html`${i === 0 ? '' : between}${part}`)}`;
}

/** Text in which `…` marks code. */
export function prose(text: string): Html {
  return html`${text.split('`').map((part, i) => (i % 2 === 0 ? part : html`<code>${part}</code>`))}`;
}

/** Such as "number ≥ 0 or null", "list of Incident, at most 32". */
export function typeOf(schema: Schema): Html {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').at(-1);
    return html`<a href="#${name}">${name}</a>`;
  }
  if (schema.const !== undefined) return html`<code>${JSON.stringify(schema.const)}</code>`;
  if (schema.enum !== undefined)
    return joined(
      schema.enum.map((value) => html`<code>${value}</code>`),
      ' or ',
    );
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return joined(choices.map(asSchema).map(typeOf), ' or ');
  const types = [schema.type ?? 'anything'].flat();
  return joined(
    types.map((type) => ofType(type, schema)),
    ' or ',
  );
}

function ofType(type: string, schema: Schema): Html {
  if (type === 'array') return html`list of ${itemsOf(schema)}${range('', schema.minItems, schema.maxItems)}`;
  if (type === 'number' || type === 'integer') return html`${type}${numberRange(schema)}`;
  if (type === 'string') {
    const { format, pattern } = schema;
    const form = pattern === undefined ? '' : html`, <code>${pattern}</code>`;
    return html`${format ?? type}${range(' characters', schema.minLength, schema.maxLength)}${form}`;
  }
  if (type === 'object' && typeof schema.additionalProperties === 'object')
    return html`map of ${typeOf(schema.additionalProperties)}`;
  return html`${type}`;
}

function itemsOf({ items, prefixItems }: Schema): Html {
  if (prefixItems !== undefined) return html`[${joined(prefixItems.map(asSchema).map(typeOf), ', ')}]`;
  return items === undefined || Array.isArray(items) ? html`anything` : typeOf(asSchema(items));
}

function range(unit: string, least: number | undefined, most: number | undefined): string {
  if (least !== undefined && most !== undefined)
    return least === most ? `, ${least}${unit}` : `, ${least} … ${most}${unit}`;
  if (most !== undefined) return `, at most ${most}${unit}`;
  return least === undefined ? '' : `, at least ${least}${unit}`;
}

function numberRange({ minimum, exclusiveMinimum, maximum }: Schema): string {
  if (minimum !== undefined && maximum !== undefined) return ` ${minimum} … ${maximum}`;
  const least = exclusiveMinimum === undefined ? '' : ` > ${exclusiveMinimum}`;
  return `${minimum === undefined ? least : ` ≥ ${minimum}`}${maximum === undefined ? '' : ` ≤ ${maximum}`}`;
}

/** The fields of an object, and below each those of the objects in it. */
export function fieldsOf(schema: Schema): Html {
  const inner = innerObject(schema);
  if (inner?.properties === undefined) return html``;
  const required = new Set(inner.required);
  return html`<dl>
    ${Object.entries(inner.properties).map(([name, value]) => field(name, asSchema(value), required.has(name)))}
  </dl>`;
}

export function field(name: string, schema: Schema, isRequired: boolean): Html {
  const standard = schema.default === undefined ? '' : html`, ${JSON.stringify(schema.default)} where it is left out`;
  return html`<dt><code>${name}</code>${isRequired ? '' : html` <small>optional</small>`}</dt>
    <dd>
      <span class="type">${typeOf(schema)}${standard}</span> ${prose(schema.description ?? '')} ${fieldsOf(schema)}
    </dd>`;
}

/** The object that a schema is, lists, or allows beside null. */
function innerObject(schema: Schema): Schema | undefined {
  if (schema.properties !== undefined) return schema;
  if (schema.items !== undefined && !Array.isArray(schema.items)) return innerObject(asSchema(schema.items));
  return (schema.anyOf ?? []).map(asSchema).find((choice) => choice.properties !== undefined);
}

/** JSON Schema allows true and false in place of a schema; zod writes neither of them into these places. */
function asSchema(schema: Schema | boolean): Schema {
  return typeof schema === 'boolean' ? {} : schema;
}

/** Trusted text, as the style of the page. */
export const verbatim = raw;
