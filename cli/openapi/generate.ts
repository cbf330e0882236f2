/**
 * Writes the OpenAPI document and its page ahead of time, so that the Worker carries neither zod's converter nor a renderer:
 * `node cli/openapi/generate.ts`. A test fails while either is not current.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openApiDocument } from './document.ts';
import { renderPage } from './page.ts';

const GENERATED = new URL('../../functions/detect/generated/', import.meta.url);
export const DOCUMENT_FILE = fileURLToPath(new URL('openapi.json', GENERATED));
export const PAGE_FILE = fileURLToPath(new URL('docs.html', GENERATED));

/** The text of each generated file. */
export function generateDocs(): { readonly document: string; readonly page: string } {
  const document = openApiDocument();
  return { document: `${JSON.stringify(document, null, 2)}\n`, page: renderPage(document) };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { document, page } = generateDocs();
  writeFileSync(DOCUMENT_FILE, document);
  writeFileSync(PAGE_FILE, page);
  process.stderr.write(`wrote ${DOCUMENT_FILE} and ${PAGE_FILE}\n`);
}
