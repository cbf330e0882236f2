/** zod schemas as the JSON Schemas of an OpenAPI document: those with a name once, the others where they are used. */
import * as z from 'zod';
import { joinNull } from '../edge/generate-validators.ts';

export type Schema = z.core.JSONSchema.BaseSchema;

/** Schemas that travel in one direction. */
export class SchemaSet {
  readonly #registry = z.registry<{ id: string }>();
  readonly #io: 'input' | 'output';

  constructor(named: Readonly<Record<string, z.ZodType>>, io: 'input' | 'output') {
    this.#io = io;
    for (const [id, schema] of Object.entries(named)) this.#registry.add(schema, { id });
  }

  /** A reference where the schema has a name, else itself. */
  of(schema: z.ZodType): Schema {
    const id = this.#registry.get(schema)?.id;
    if (id !== undefined) return { $ref: uri(id) };
    const here = 'here';
    this.#registry.add(schema, { id: here });
    const converted = this.#convert()[here] ?? {};
    this.#registry.remove(schema);
    return converted;
  }

  named(): Record<string, Schema> {
    return this.#convert();
  }

  #convert(): Record<string, Schema> {
    const { schemas } = z.toJSONSchema(this.#registry, { io: this.#io, uri, override: tidy });
    for (const schema of Object.values(schemas)) {
      delete schema.$schema;
      delete schema.$id;
    }
    return schemas;
  }
}

function uri(id: string): string {
  return `#/components/schemas/${id}`;
}

/** Takes out what tells a reader nothing: a format's own pattern, the largest integer, that other fields are cut off. */
function tidy(context: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  joinNull(context);
  const { jsonSchema } = context;
  if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  // Answers may grow by fields: a client ignores those that it does not know.
  if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
}
