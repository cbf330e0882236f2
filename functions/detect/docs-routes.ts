/** `GET /openapi.json` and `GET /docs`: the API's document, and the same to read. Both are generated ahead of time. */
import page from './generated/docs.html';
import document from './generated/openapi.json' with { type: 'json' };
import type { AppContext } from './services.ts';

/** The page has no script and loads nothing. */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export function openApi(c: AppContext): Response {
  return c.json(document);
}

export function docs(c: AppContext): Response {
  c.header('content-security-policy', POLICY);
  return c.html(page);
}
