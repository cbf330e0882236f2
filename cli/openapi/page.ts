/** The API's document as one page to read: it loads nothing, has no script, and fits a phone. */
import { html } from 'hono/html';
import type { Document, OperationObject, Parameter, Reference, ResponseObject } from './document.ts';
import type { Schema } from './json-schemas.ts';
import { STYLE } from './page-style.ts';
import { field, fieldsOf, type Html, prose, typeOf, verbatim } from './schema-view.ts';

interface Entry {
  readonly method: string;
  readonly path: string;
  readonly operation: OperationObject;
}

export function renderPage(document: Document): string {
  const prefix = document.servers[0]?.url ?? '';
  const entries = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(
      ([method, operation]): Entry => ({ method: method.toUpperCase(), path: `${prefix}${path}`, operation }),
    ),
  );
  const { title, version, description } = document.info;
  return `${html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} ${version}: API</title>
<style>${verbatim(STYLE)}</style>
<main>
<h1>${title} <small>${version}</small></h1>
<p>${prose(description)}</p>
<p>The same for machines: <a href="openapi.json">openapi.json</a>. Every path also stands without <code>${prefix}</code>.</p>
<nav><ul>${entries.map(contentsLine)}</ul></nav>
${entries.map((entry) => section(entry, document))}
<h2 id="schemas">Schemas</h2>
${Object.entries(document.components.schemas).map(([name, schema]) => namedSchema(name, schema))}
</main>
</html>
`}`;
}

function contentsLine({ method, path, operation }: Entry): Html {
  return html`<li><a href="#${operation.operationId}"><b class="${method}">${method}</b> <code>${path}</code></a> <span>${operation.summary}</span></li>`;
}

function section(entry: Entry, document: Document): Html {
  const { method, path, operation } = entry;
  const { operationId, summary, description, security, parameters = [], requestBody, responses } = operation;
  const scope = security[0]?.token?.[0];
  return html`<section id="${operationId}">
<h2><b class="${method}">${method}</b> <code>${path}</code></h2>
<p>${summary}. ${prose(description ?? '')}</p>
<p>${scope === undefined ? 'Open to everybody.' : html`Needs a token of the scope <code>${scope}</code>.`}</p>
<pre>${curl(entry)}</pre>
${parameters.length === 0 ? '' : html`<h3>Parameters</h3><dl>${parameters.map(parameter)}</dl>`}
${requestBody === undefined ? '' : html`<h3>Body${requestBody.required ? '' : html` <small>optional</small>`}</h3>`}
${Object.entries(requestBody?.content ?? {}).map(([type, { schema }]) => body(type, schema))}
<h3>Answers</h3>
<dl>${Object.entries(responses).map(([status, response]) => answer(status, resolve(response, document)))}</dl>
</section>`;
}

function curl({ method, path, operation }: Entry): string {
  const example = operation.requestBody?.content['application/json']?.example;
  return [
    `curl ${method === 'GET' ? '' : `-X ${method} `}https://vigia.example.com${path.replace('{id}', '$ID')}`,
    ...(operation.security.length === 0 ? [] : ['-H "authorization: Bearer $TOKEN"']),
    ...(example === undefined ? [] : ["-H 'content-type: application/json'", `-d '${JSON.stringify(example)}'`]),
  ].join(' \\\n  ');
}

function parameter({ name, in: place, required, description, schema }: Parameter): Html {
  return field(place === 'header' ? `${name}:` : name, { ...schema, description }, required === true);
}

function body(type: string, schema: Schema): Html {
  if (schema.description !== undefined) return html`<p><code>${type}</code>: ${prose(schema.description)}</p>`;
  return html`<p><code>${type}</code>: ${typeOf(schema)}</p>${fieldsOf(schema)}`;
}

function answer(status: string, { description, headers = {}, content = {} }: ResponseObject): Html {
  const bodies = Object.entries(content).map(
    ([type, { schema }]) => html` <code>${type}</code>: ${typeOf(schema)}${fieldsOf(schema)}`,
  );
  const names = Object.keys(headers);
  return html`<dt>${status}</dt><dd>${prose(description)}${status.startsWith('2') ? bodies : ''}
${names.length === 0 ? '' : html`<small>Headers: ${names.join(', ')}</small>`}</dd>`;
}

function namedSchema(name: string, schema: Schema): Html {
  return html`<section id="${name}"><h3>${name}</h3>${schema.properties ? fieldsOf(schema) : typeOf(schema)}</section>`;
}

function resolve(response: ResponseObject | Reference, { components }: Document): ResponseObject {
  if (!('$ref' in response)) return response;
  const name = response.$ref.split('/').at(-1) ?? '';
  const found = components.responses[name];
  if (found === undefined) throw new Error(`the document has no response ${name}`);
  return found;
}
