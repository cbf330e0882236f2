/** The OpenAPI 3.1 document of the public API, from the table of operations and its zod schemas. */
import type * as z from 'zod';
import { operations } from '../../contract/api.ts';
import { API_PREFIX } from '../../contract/client.ts';
import { type Operation, type Refusal, refusalsOf } from '../../contract/operation.ts';
import { PROBLEM_MEDIA_TYPE, problem } from '../../contract/problem.ts';
import { VERSION } from '../../contract/version.ts';
import { type Schema, SchemaSet } from './json-schemas.ts';
import { ANSWERS, REQUESTS } from './named-schemas.ts';

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: Schema;
}

export type Content = Record<string, { schema: Schema; example?: object }>;

export interface Reference {
  readonly $ref: string;
}

export interface ResponseObject {
  readonly description: string;
  readonly headers?: Record<string, { description: string; schema: Schema }>;
  readonly content?: Content;
}

export interface OperationObject {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly security: Record<string, string[]>[];
  readonly parameters?: Parameter[];
  readonly requestBody?: { required: boolean; content: Content };
  readonly responses: Record<string, ResponseObject | Reference>;
}

export interface Document {
  readonly openapi: '3.1.1';
  readonly info: { title: string; version: string; summary: string; description: string; license: object };
  readonly servers: { url: string; description: string }[];
  readonly paths: Record<string, Record<string, OperationObject>>;
  readonly components: {
    schemas: Record<string, Schema>;
    responses: Record<string, ResponseObject>;
    securitySchemes: Record<string, unknown>;
  };
}

/** Name and meaning of each status that a problem+json has; RFC 9110 defines them. */
const REFUSALS: Record<Refusal | 503, readonly [name: string, description: string]> = {
  400: ['BadRequest', 'What was sent does not fit; `errors` names each wrong field.'],
  401: ['Unauthorized', 'No valid token; WWW-Authenticate says why.'],
  403: ['Forbidden', 'The token lacks the scope, or is for another host or group.'],
  404: ['NotFound', 'There is none of this name.'],
  408: ['RequestTimeout', 'The body did not arrive in time.'],
  409: ['Conflict', 'What stands now does not allow it, or somebody else was quicker.'],
  413: ['ContentTooLarge', 'The body is too large once decompressed, or holds too many items.'],
  415: ['UnsupportedMediaType', 'Another Content-Type or Content-Encoding is asked for.'],
  422: ['UnprocessableContent', 'There is too little to work on yet, or it is not clear on what: `detail` says which.'],
  429: ['TooManyRequests', 'More was asked than the limit allows; Retry-After says when to go on.'],
  502: ['BadGateway', 'The Prometheus server cannot be asked.'],
  503: ['ServiceUnavailable', 'The deployment lacks something, or storage is away: `detail` says what to do.'],
  504: ['GatewayTimeout', 'The Prometheus server, or the training, takes too long.'],
};

const STREAM = 'text/event-stream';

const requests = new SchemaSet(REQUESTS, 'input');
const answers = new SchemaSet(ANSWERS, 'output');

export function openApiDocument(): Document {
  const paths: Document['paths'] = {};
  for (const [name, operation] of Object.entries<Operation>(operations)) {
    const [method = '', path = ''] = name.split(' ');
    paths[path] = { ...paths[path], [method.toLowerCase()]: describe(operation, method === 'GET') };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Vigía',
      version: VERSION,
      summary: 'Threat detection for fleets of hosts.',
      description:
        'Every refusal is a problem+json (RFC 9457). Bodies may be compressed by gzip or zstd, and answers are where Accept-Encoding allows. Unknown fields are ignored and counted.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [
      { url: API_PREFIX, description: 'this version' },
      { url: '/', description: 'aliases without a version' },
    ],
    paths,
    components: {
      schemas: { ...requests.named(), ...answers.named() },
      responses: Object.fromEntries(
        Object.values(REFUSALS).map(([name, description]) => [
          name,
          { description, content: { [PROBLEM_MEDIA_TYPE]: { schema: answers.of(problem) } } },
        ]),
      ),
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'Made by `vigia token create`. An edge on loopback without a key asks for none.',
        },
      },
    },
  };
}

function describe(operation: Operation, isRead: boolean): OperationObject {
  const { id, summary, description, scope } = operation;
  const parameters = parametersOf(operation);
  const responses: OperationObject['responses'] = { [operation.status ?? 200]: answered(operation, isRead) };
  if (isRead && operation.answerType !== STREAM)
    responses[304] = { description: 'Nothing has changed since the answer whose ETag If-None-Match names.' };
  for (const status of [...refusalsOf(operation), 503] as const)
    responses[status] = { $ref: `#/components/responses/${REFUSALS[status][0]}` };
  for (const [status, schema] of Object.entries(operation.otherAnswers ?? {}))
    responses[status] = { description: REFUSALS[503][1], content: json(answers.of(schema)) };
  return {
    operationId: id,
    summary,
    ...(description !== undefined && { description }),
    security: scope === null ? [] : [{ token: [scope] }],
    ...(parameters.length > 0 && { parameters }),
    ...requestBody(operation),
    responses,
  };
}

function parametersOf({ path, query, requestHeaders = {} }: Operation): Parameter[] {
  return [
    ...fieldsOf(path).map(([name, schema]) => ({ name, in: 'path', required: true, ...schema }) as const),
    ...fieldsOf(query).map(
      ([name, schema]) =>
        ({
          name,
          in: 'query',
          ...(query?.shape[name]?.safeParse(undefined).success === false && { required: true }),
          ...schema,
        }) as const,
    ),
    ...Object.entries(requestHeaders).map(
      ([name, description]) => ({ name, in: 'header', description, schema: { type: 'string' } }) as const,
    ),
  ];
}

function fieldsOf(schema: z.ZodObject | undefined): [string, { description?: string; schema: Schema }][] {
  return Object.entries(schema?.shape ?? {}).map(([name, field]) => {
    const { description, ...rest } = requests.of(field);
    return [name, { ...(description !== undefined && { description }), schema: rest }];
  });
}

function requestBody({
  body,
  example,
  bodyOptional,
  otherBodies = {},
}: Operation): Pick<OperationObject, 'requestBody'> {
  if (body === undefined) return {};
  const others = Object.entries(otherBodies).map(([type, description]): [string, { schema: Schema }] => [
    type,
    { schema: { type: 'string', description } },
  ]);
  const content = { ...json(requests.of(body), example), ...Object.fromEntries(others) };
  return { requestBody: { required: bodyOptional !== true, content } };
}

function answered({ answer, answerType = 'application/json', query }: Operation, isRead: boolean): ResponseObject {
  const isList = query !== undefined && 'cursor' in query.shape;
  const header = (description: string) => ({ description, schema: { type: 'string' } }) as const;
  const headers = {
    ...(isRead && answerType !== STREAM && { ETag: header('Weak; for If-None-Match.') }),
    ...(isList && { Link: header('rel="next": the following page (RFC 8288).') }),
  };
  return {
    description: 'OK',
    ...(Object.keys(headers).length > 0 && { headers }),
    content: { [answerType]: { schema: answers.of(answer) } },
  };
}

function json(schema: Schema, example?: object): Content {
  return { 'application/json': { schema, ...(example && { example }) } };
}
